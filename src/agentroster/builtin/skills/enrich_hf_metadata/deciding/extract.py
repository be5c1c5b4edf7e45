"""Everything that card, repository facts and file state about a file; nothing is guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_rules, description, word_rules
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.pictures import choose_preview
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.messages import say


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none.

    `base_card` is the repository whose card named the base model, when it was not the file's own. `uncertain` says why
    only a part of the values counts.
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
    uncertain: str = ""


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file.

    Where nobody knows whether other files share the card, only what holds in either case is stated.
    """
    found = reduce(_in_both, map(_extract, source.possible))
    return replace(found, uncertain=say("enrich.perhaps_of_another_file") if source.facts.unknown else "")


def _in_both(one: Extraction, other: Extraction) -> Extraction:
    agreed = replace(
        one,
        trained_words=one.trained_words if one.trained_words == other.trained_words else None,
        html=one.html if one.html == other.html else "",
        short=one.short if one.short == other.short else "",
        preview_url=one.preview_url if one.preview_url == other.preview_url else None,
    )
    if one.base_model == other.base_model:
        return agreed
    # Without a lineage nobody looks for the base model elsewhere.
    return replace(agreed, base_model=None, base_model_evidence=Evidence.NONE, lineage=())


def _extract(source: Source) -> Extraction:
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
