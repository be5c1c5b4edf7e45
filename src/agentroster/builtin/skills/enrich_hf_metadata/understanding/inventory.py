"""Answers what is missing in the library, which needs no language model, and what can be done about it."""

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
from agentroster.skills.understanding import Plan, Refusal

_ASKS = frozenset({"askmissing", "missing"})
_BESIDE = frozenset({"polite", "comma", "stop", "qmark", "ma", "fill", "noun", "of", "particle"})
_TARGETS = frozenset({"all", "maybeall", "name", "bare"})
_MAX_CHARACTERS, _MAX_SHOWN = 200, 5


def asked_of(text: str, names: Names) -> str:
    """Return of what a question wants to know what is missing: a name of the library, or everything; "" for no such."""
    if len(text) > _MAX_CHARACTERS:
        return ""
    for language in languages():
        tokens = list(sentence.tokens(text, language, names))
        asked = [token.kind for token in tokens if token.kind in _ASKS]
        targets: list[Token] = [token for token in tokens if token.kind in _TARGETS]
        rest = {token.kind for token in tokens} - _ASKS - _BESIDE - _TARGETS
        if len(asked) == 1 and len(targets) <= 1 and not rest:
            return next((token.value for token in targets if token.kind in {"name", "bare"}), "everything")
    return ""


def missing(target: str, library: Library, sidecars: Sidecars) -> Refusal:
    """Return what the sidecars of a target lack; to complete them is a plan."""
    try:
        models = list(library.models()) if target == "everything" else library.find(target)
    except RosterError as error:
        return Refusal(say("enrich.did_nothing", problem=escape_markdown(error.message)))
    if not models:
        return Refusal(say("enrich.answer_no_models", example=written.example(library)))
    gaps: dict[str, list[str]] = {}
    for model in models:
        for gap in _gaps(model, sidecars):
            gaps.setdefault(gap, []).append(model.name)
    arguments = {"targets": [target]}
    command = written.command(arguments)
    if not gaps:
        return Refusal(say("enrich.answer_complete", count=len(models)))
    lines = [say("enrich.answer_missing", count=len(models)), ""]
    lines += [f"- {_line(gap, found)}" for gap, found in gaps.items()]
    if not command:
        return Refusal("\n".join(lines))
    return Plan("\n".join([*lines, "", say("enrich.answer_missing_do", command=command)]), arguments)


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
