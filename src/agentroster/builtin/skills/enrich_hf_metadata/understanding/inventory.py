"""Answers questions about the library that need no language model: what is missing, and what can be done about it."""

from collections.abc import Iterator, Sequence

from agentroster.builtin.skills.enrich_hf_metadata.understanding import sentence, written
from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import Token
from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import languages
from agentroster.errors import RosterError
from agentroster.json_values import as_object
from agentroster.library.library import Library, ModelFile
from agentroster.library.names import Names
from agentroster.library.sidecar import Sidecar, Sidecars
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown

_ASKS = frozenset({"askmissing", "missing", "askfailed", "askagain", "askundo"})
_BESIDE = frozenset({"polite", "comma", "stop", "qmark", "ma", "fill", "noun", "of", "particle"})
_TARGETS = frozenset({"all", "maybeall", "name", "bare"})
_MAX_CHARACTERS, _MAX_SHOWN = 200, 5


def answered(text: str, names: Names, library: Library, sidecars: Sidecars | None) -> str:
    """Return the answer to a question that is understood to its last word; empty for any other message."""
    if len(text) > _MAX_CHARACTERS:
        return ""
    for language in languages():
        tokens = list(sentence.tokens(text, language, names))
        asked = [token.kind for token in tokens if token.kind in _ASKS]
        targets = [token for token in tokens if token.kind in _TARGETS]
        rest = {token.kind for token in tokens} - _ASKS - _BESIDE - _TARGETS
        if len(asked) == 1 and len(targets) <= 1 and not rest:
            return _answer(asked[0], targets, library, sidecars)
    return ""


def _answer(asked: str, targets: Sequence[Token], library: Library, sidecars: Sidecars | None) -> str:
    examples = written.listed(written.examples(library))
    if asked == "askfailed":
        return say("enrich.answer_failed", examples=examples)
    if asked == "askagain":
        return say("enrich.answer_again", examples=examples)
    if asked == "askundo":
        return say("enrich.answer_undo")
    target = next((token.value for token in targets if token.kind in {"name", "bare"}), "everything")
    return _missing(target, library, sidecars) if sidecars is not None else ""


def _missing(target: str, library: Library, sidecars: Sidecars) -> str:
    """Return what the sidecars of a target lack."""
    try:
        models = list(library.models()) if target == "everything" else library.find(target)
    except RosterError as error:
        return say("enrich.did_nothing", problem=escape_markdown(error.message))
    if not models:
        return say("enrich.answer_no_models", example=written.example(library))
    gaps: dict[str, list[str]] = {}
    for model in models:
        for gap in _gaps(model, sidecars):
            gaps.setdefault(gap, []).append(model.name)
    command = written.command({"targets": [target]})
    if not gaps:
        return say("enrich.answer_complete", count=len(models))
    lines = [say("enrich.answer_missing", count=len(models))]
    lines += [f"- {_line(gap, found)}" for gap, found in gaps.items()]
    lines += ["", say("enrich.answer_missing_do", command=command)] if command else []
    return "\n".join([lines[0], "", *lines[1:]])


def _line(gap: str, found: Sequence[str]) -> str:
    listed = ", ".join(found[:_MAX_SHOWN])
    if len(found) > _MAX_SHOWN:
        listed = say("enrich.and_more", names=listed, more=len(found) - _MAX_SHOWN)
    return say("enrich.answer_gap", gap=gap, models=escape_markdown(listed), total=len(found))


def _gaps(model: ModelFile, sidecars: Sidecars) -> Iterator[str]:
    try:
        sidecar = sidecars.read(model)
    except RosterError:
        yield say("enrich.gap_unreadable")
        return
    if sidecar is None:
        yield say("enrich.gap_sidecar")
        return
    yield from _empty_fields(sidecar)


def _empty_fields(sidecar: Sidecar) -> Iterator[str]:
    site = as_object(sidecar.get("civitai"))
    if sidecar.get("base_model") in (None, "", "Unknown"):
        yield say("enrich.gap_base_model")
    if not site.get("trainedWords") and sidecar.get("model_type") not in {"checkpoint", "diffusion_model"}:
        yield say("enrich.gap_words")
    if not sidecar.get("modelDescription"):
        yield say("enrich.gap_description")
    if not sidecar.get("tags"):
        yield say("enrich.gap_tags")
    if not sidecar.get("preview_url"):
        yield say("enrich.gap_preview")
