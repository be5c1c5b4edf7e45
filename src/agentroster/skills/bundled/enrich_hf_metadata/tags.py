"""Tags: what says something about the subject, without the hub's and the tools' noise."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentroster.skills.bundled.enrich_hf_metadata.base_models import NAMES

_MOST_NEW = 8
_LONGEST = 60
_LISTED = Path(__file__).with_name("denied_tags.txt").read_text(encoding="utf-8").splitlines()
_BASE_FAMILIES = {re.sub(r"\s+", "-", name.lower()) for name in NAMES}
_DENIED = {tag for line in _LISTED if not line.startswith("#") for tag in line.split()} | _BASE_FAMILIES
_DENIED_PREFIXES = (
    "template:", "base_model:", "license:", "region:", "dataset:", "arxiv:", "diffusers:", "doi:", "pipeline_tag:",
    "language:", "library:", "model-index",
)  # fmt: skip


def additions(candidates: Iterable[str], existing: Sequence[object]) -> list[str]:
    """Return the tags to add after the existing ones: lower case, new, meaningful, at most eight."""
    seen = {str(tag).strip().lower() for tag in existing}
    found: list[str] = []
    for candidate in candidates:
        tag = " ".join(candidate.lower().split())
        if tag and tag not in seen and len(tag) <= _LONGEST and not _is_noise(tag):
            seen.add(tag)
            found.append(tag)
    return found[:_MOST_NEW]


def _is_noise(tag: str) -> bool:
    return tag.replace(" ", "-") in _DENIED or tag.startswith(_DENIED_PREFIXES) or "://" in tag
