"""Finds the base model of a file whose declared base is itself a fine-tune: in the card of that base."""

from dataclasses import replace

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction
from agentroster.builtin.skills.enrich_hf_metadata.reading.card_cache import CardCache
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import parse_url
from agentroster.errors import RosterError

_MAX_LEVELS = 2


async def with_base_of_base(cache: CardCache, found: Extraction, endpoint: str) -> Extraction:
    """Follow the one declared base model to its card, and so on; return what was found with the first known name."""
    lineage = found.lineage
    for _ in range(_MAX_LEVELS):
        ref = parse_url(f"{endpoint}/{lineage[0]}", endpoint) if len(lineage) == 1 else None
        if ref is None:
            break
        try:
            card = (await cache.get(ref)).card
        except RosterError:
            break
        lineage = card.strings("base_model")
        if name := base_models.agreed(lineage):
            return replace(found, base_model=name, base_model_evidence=Evidence.LINEAGE, base_card=ref.repo)
    return found
