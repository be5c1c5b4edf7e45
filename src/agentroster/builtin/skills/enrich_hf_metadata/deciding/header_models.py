"""The base model that a file's own header names: the values of trainers, and the name of the model trained on."""

import json
import re
from collections.abc import Mapping
from typing import cast

from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_models import (
    DATA,
    from_hint,
    from_statement,
    normalise,
)
from agentroster.json_values import as_object

_VALUES = [(re.compile(pattern), name) for pattern, name in cast("list[tuple[str, str]]", DATA["headers"])]
_MODEL_NAMES = [(re.compile(pattern), name) for pattern, name in cast("list[tuple[str, str]]", DATA["model_names"])]
_WIDER = cast("dict[str, list[str]]", DATA["wider"])
_FAMILIES = cast("dict[str, list[str]]", DATA["families"])
_KEYS = ("modelspec.architecture", "ss_base_model_version")
_ADAPTER = re.compile(r"/(?:lora|lycoris|locon|lokr|loha|dora|embedding|textual-inversion|controlnet)$", re.IGNORECASE)
_MAX_VALUE, _MAX_CONFIGURATION = 200, 100_000
_GGUF = cast("dict[str, str]", DATA["gguf"])
_PARENT = re.compile(r"general\.base_model\.\d{1,2}\.(?:name|repo_url)")


def base_model(header: Mapping[str, str]) -> str | None:
    """Return the canonical name; None where the header is silent, contradicts itself, or fits several names."""
    if "general.architecture" in header:
        return _of_gguf(header)
    named = [name for key in _KEYS if (name := of_value(header.get(key, "")))]
    trained_on = _of_model_name(header.get("ss_sd_model_name", "") or _in_configuration(header.get("ot_config", "")))
    if not named:
        return trained_on[1]
    name = named[0]
    for other in (*named[1:], trained_on[0]):
        if other and is_narrower(other, name):
            name = other
    # A contradiction between what the trainer wrote in two places leaves nothing to rely on.
    return name if all(other == name or is_narrower(name, other) for other in named) else None


def _in_configuration(text: str) -> str:
    """Return the model that OneTrainer's own settings name; its path or its repository."""
    try:
        return str(as_object(json.loads(text[:_MAX_CONFIGURATION])).get("base_model_name", ""))
    except (ValueError, RecursionError):
        return ""


def _of_gguf(header: Mapping[str, str]) -> str | None:
    """Return what a GGUF file says: the model that it was made from, and the family that its architecture is."""
    family = _GGUF.get(header["general.architecture"].lower())
    parents = {key: value for key, value in header.items() if _PARENT.fullmatch(key)}
    stated = {name for value in parents.values() if (name := from_statement(value[:_MAX_VALUE]))}
    name = stated.pop() if len(stated) == 1 else from_hint(header.get("general.name", "")[:_MAX_VALUE])
    if not name or not family or name == family or is_narrower(name, family):
        return name or family
    return None


def of_value(value: str) -> str | None:
    """Return the name that a trainer's word for an architecture or a version stands for, or None."""
    normal = normalise(_ADAPTER.sub("", value.strip()[:_MAX_VALUE])).strip("-@")
    if not normal:
        return None
    known = next((name for pattern, name in _VALUES if pattern.fullmatch(normal)), None)
    return known or None if known is not None else from_hint(normal)


def is_narrower(name: str, other: str) -> bool:
    """Whether a canonical name is that of one model of the family that the other one names."""
    return (
        other in _WIDER.get(name, ()) or name in _FAMILIES.get(other, ()) or name.startswith((f"{other} ", f"{other}-"))
    )


def _of_model_name(value: str) -> tuple[str | None, str | None]:
    """Return what the base model's file name means beside a version, and what it means alone."""
    path = re.split(r"[\\/]", value.strip()[:_MAX_VALUE])[-1]
    stem = re.sub(r"\.(?:safetensors|sft|ckpt|pt|pt2|pth|bin|gguf)$", "", path, flags=re.IGNORECASE)
    known = next((name for pattern, name in _MODEL_NAMES if pattern.search(normalise(stem))), None)
    return known or from_statement(stem), known or from_hint(stem)
