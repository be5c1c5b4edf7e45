"""Chooses tags that describe the subject of a model; those of the hub and of tools are left out."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_models import NAMES

_MAX_NEW = 8
_LONGEST = 60
_LISTED = Path(__file__).with_name("denied_tags.txt").read_text(encoding="utf-8").splitlines()
_BASE_FAMILIES = {re.sub(r"\s+", "-", name.lower()) for name in NAMES}
_DENIED = {tag for line in _LISTED if not line.startswith("#") for tag in line.split()} | _BASE_FAMILIES
_DENIED_PREFIXES = (
    "template:", "base_model:", "license:", "region:", "dataset:", "arxiv:", "diffusers:", "doi:", "pipeline_tag:",
    "language:", "library:", "model-index",
)  # fmt: skip


def additions(candidates: Iterable[str], existing: Sequence[object]) -> list[str]:
    """Return the tags to add after the existing ones: lower case, new, meaningful, of the first eight there are.

    Those that exist count among the eight: else each run would add eight more.
    """
    cleaned = dict.fromkeys(" ".join(candidate.lower().split()) for candidate in candidates)
    meaningful = [tag for tag in cleaned if 0 < len(tag) <= _LONGEST and not _is_noise(tag)]
    seen = {" ".join(str(tag).lower().split()) for tag in existing}
    return [tag for tag in meaningful[:_MAX_NEW] if tag not in seen]


def _is_noise(tag: str) -> bool:
    is_unreadable = "\ufffd" in tag
    return is_unreadable or tag.replace(" ", "-") in _DENIED or tag.startswith(_DENIED_PREFIXES) or "://" in tag
