"""From card, repository facts and file to the values they state; nothing is guessed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentroster.skills.bundled.enrich_hf_metadata.deciding import base_models, base_statements, description, triggers
from agentroster.skills.bundled.enrich_hf_metadata.deciding.pictures import choose_preview
from agentroster.skills.bundled.enrich_hf_metadata.reading.file_sections import shared_part
from agentroster.skills.bundled.enrich_hf_metadata.reading.source import Source, spoken

__all__ = ["Extraction", "Source", "extract"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none."""

    base_model: str | None
    base_model_evidence: str
    trained_words: Sequence[str] | None
    tags: Sequence[str]
    html: str
    short: str
    lineage: Sequence[str]
    preview_url: str | None = None


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file."""
    base, evidence = next(
        ((name, why) for name, why in _base_models(source) if name is not None), (None, "the card does not say")
    )
    tags = [*source.card.strings("tags"), *source.facts.tags]
    base = base_models.sharpened(
        base, [source.file_name, source.repo, *tags, *source.card.strings("base_model")], source.body
    )
    section = next((part.text for part in source.parts if not part.row), source.card.body)
    return Extraction(
        base_model=base,
        base_model_evidence=evidence,
        trained_words=_trained_words(source),
        tags=tags,
        html=description.as_html(source.card.body),
        short=description.short_text(section),
        lineage=source.card.strings("base_model"),
        preview_url=choose_preview(source),
    )


def _base_models(source: Source) -> Iterator[tuple[str | None, str]]:
    """Yield what each kind of evidence says, the strongest first."""
    for part in source.parts:
        stated = base_statements.in_row(part.row) or base_statements.in_section(spoken(part.text), part.above)
        yield base_models.narrowest(stated), "the card's section for this file"
    if not source.is_collection:
        yield (
            base_models.narrowest(base_statements.about_file(source.body, source.file_name)),
            "the text about this file",
        )
    declared = source.card.strings("base_model")
    yield base_models.agreed(declared), "base_model of the card"
    if any(map(base_models.is_unnamed, declared)):
        return
    tags = [*source.card.strings("tags"), *source.facts.tags]
    lineage = [tag.rsplit(":", 1)[-1] for tag in tags if tag.startswith("base_model:")]
    yield base_models.agreed(lineage), "base_model tags"
    if not source.is_collection:
        yield base_models.narrowest(base_statements.in_labels(source.body)), "a label of the card"
    hints = {name for tag in tags if ":" not in tag and (name := base_models.from_hint(tag))}
    yield hints.pop() if len(hints) == 1 else None, "tags of the card"
    yield base_models.from_hint(source.file_name), "the file name"
    # A word with other meanings is a hint when the card declares that very model beside others.
    named = base_models.from_statement(source.stem)
    yield named if named in map(base_models.from_statement, declared) else None, "the file name"
    yield base_models.from_hint(source.repo.split("/", 1)[-1]), "the repository name"
    for key in ("modelspec.architecture", "ss_base_model_version"):
        yield base_models.from_hint(source.header.get(key, "")), "the file's own header"
    if not source.parts:
        text = shared_part(source.body) if source.is_collection else source.body
        yield base_models.narrowest(base_statements.in_text(text)), "the text of the card"
        yield base_models.narrowest(base_statements.in_opening(text)), "the opening of the card"
    else:
        yield base_models.narrowest(base_statements.in_text(shared_part(source.body))), "the text of the card"
    yield base_models.narrowest(base_statements.of_trainer(source.body)), "the service it was trained with"
    if source.is_collection:
        yield base_models.narrowest(base_statements.of_all_files(source.body)), "what the card says of all files"
        yield base_models.narrowest(base_statements.in_opening(shared_part(source.body))), "the opening of the card"


def _trained_words(source: Source) -> Sequence[str] | None:
    names = (source.stem, source.repo.split("/", 1)[-1]) if source.file_name else ()
    for part in source.parts:
        text = spoken(part.text).replace(source.file_name, "")
        own = triggers.from_row(part.row) or triggers.from_text(text, names)
        if not own and source.model_type == "embedding":
            own = triggers.of_embedding(text, source.stem, is_silent=own is None) or own
        if own is not None:
            return own
    if source.is_collection:
        if words := triggers.from_list_of_files(source.body, source.file_name):
            return words
        # A neighbour's words would be wrong for this file; its own name is the word of an embedding at least.
        is_named = source.model_type == "embedding" and not source.parts
        return triggers.of_embedding(source.stem, source.stem, is_silent=True) if is_named else None
    stated = triggers.from_front_matter(source.card)
    if stated is None:
        stated = triggers.from_text(source.body, names)
    if not stated and source.model_type == "embedding":
        return triggers.of_embedding(source.body, source.stem, is_silent=stated is None) or stated
    return stated
