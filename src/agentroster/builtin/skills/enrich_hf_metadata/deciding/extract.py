"""Everything that card, repository facts and file state about a file; nothing is guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentroster.builtin.skills.enrich_hf_metadata.deciding import (
    base_rules,
    description,
    header_rules,
    tags,
    word_rules,
)
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.pictures import choose_preview
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none.

    `base_card` is the repository whose card named the base model, when it was not the file's own. `evidence` is that of
    fields that do not come from the card, and `header_base_model` the name in the file's header when it contradicts.
    """

    base_model: str | None
    base_model_evidence: Evidence
    trained_words: Sequence[str] | None
    tags: Sequence[str]
    html: str
    short: str
    lineage: Sequence[str]
    preview_url: str | None = None
    base_card: str = ""
    evidence: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])
    header_base_model: str = ""

    @property
    def says_anything(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.base_model or self.trained_words or tags.additions(self.tags, ()) or self.html)


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file."""
    base, base_evidence = base_rules.base_model(source)
    words, words_evidence = word_rules.trained_words(source)
    section = next((part.text for part in source.parts if not part.row), source.card.body)
    texts = _Texts(source.tags, description.as_html(source.card.body), description.short_text(section))
    in_header = _in_header(source)
    evidence = {"trainedWords": words_evidence} if words_evidence is Evidence.HEADER else {}
    if not tags.additions(texts.tags, ()) and in_header.tags:
        texts, evidence = replace(texts, tags=in_header.tags), {**evidence, "tags": Evidence.HEADER}
    if not source.card.body and in_header.html:
        own = {"modelDescription": Evidence.HEADER, "civitai.description": Evidence.HEADER}
        texts, evidence = replace(in_header, tags=texts.tags), {**evidence, **own}
    return Extraction(
        base_model=base,
        base_model_evidence=base_evidence,
        trained_words=words,
        tags=texts.tags,
        html=texts.html,
        short=texts.short,
        lineage=source.declared,
        preview_url=choose_preview(source),
        evidence=evidence,
        header_base_model=base_rules.contradicting_header(base, source),
    )


@dataclass(frozen=True, slots=True)
class _Texts:
    """What one source tells people about the file."""

    tags: Sequence[str]
    html: str
    short: str


def _in_header(source: Source) -> _Texts:
    text = header_rules.description(source.header)
    return _Texts(header_rules.tags(source.header), description.as_html(text), description.short_text(text))
