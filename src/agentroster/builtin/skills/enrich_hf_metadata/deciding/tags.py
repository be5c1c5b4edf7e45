"""Chooses tags that describe the subject of a model; those of the hub and of tools are left out."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_models import NAMES, from_statement, is_name, normalise

_MAX_NEW = 8
_LONGEST = 60
_LISTED = Path(__file__).with_name("denied_tags.txt").read_text(encoding="utf-8").splitlines()
_BASE_FAMILIES = {re.sub(r"\s+", "-", name.lower()) for name in NAMES}
_DENIED = {tag for line in _LISTED if not line.startswith("#") for tag in line.split()} | _BASE_FAMILIES
_DENIED_FORMS = frozenset(map(normalise, _DENIED))
# What stands beside a base model's name in a tag that says nothing else: "sdxl-lora", "wan2.2-i2v-14b".
_BESIDE = re.compile(
    r"(?:lo[rh]as?|lora|lycoris|locon|lokr|dora|models?|base|basemodel|checkpoints?|train(?:er|ed|ing)?|finetuned?|fine|tuned?"
    r"|adapters?|weights|embeddings?|diffusers|gguf|safetensors|fp\d+|bf16|nf4|comfyui|kohya|t2i|i2i|t2v|i2v|ti2v|text|image"
    r"|video|to|edit|editing|dev|pro|hd|turbo|schnell|distilled|pruned|v\d{1,2}|\d{1,4}|\d{1,3}b|ai|labs?)"
)
_DENIED_PREFIXES = (
    "template:", "base_model:", "license:", "region:", "dataset:", "arxiv:", "diffusers:", "doi:", "pipeline_tag:",
    "language:", "library:", "model-index", "deploy:", "other:", "eval-results",
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
    if "\ufffd" in tag or tag.replace(" ", "-") in _DENIED or tag.startswith(_DENIED_PREFIXES) or "://" in tag:
        return True
    normal = normalise(tag)
    return normal in _DENIED_FORMS or is_name(tag) or _is_about_the_base(normal)


def _is_about_the_base(tag: str) -> bool:
    """Whether a tag is a base model's id, or its name with words beside it that say nothing about a subject."""
    if "/" in tag:
        return from_statement(tag) is not None
    words = [word for word in tag.split("-") if word]
    rest = [word for word in words if not _BESIDE.fullmatch(word)]
    if not rest:
        return len(words) > 1
    name = "-".join(rest)
    return len(rest) < len(words) and (name in _DENIED_FORMS or is_name(name))
