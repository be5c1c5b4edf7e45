"""Everything that card, repository facts and file state about a file; nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_rules, description, word_rules
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.pictures import choose_preview
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none.

    `base_card` is the repository whose card named the base model, when it was not the file's own.
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


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file."""
    base, evidence = base_rules.base_model(source)
    section = next((part.text for part in source.parts if not part.row), source.card.body)
    return Extraction(
        base_model=base,
        base_model_evidence=evidence,
        trained_words=word_rules.trained_words(source),
        tags=source.tags,
        html=description.as_html(source.card.body),
        short=description.short_text(section),
        lineage=source.declared,
        preview_url=choose_preview(source),
    )
