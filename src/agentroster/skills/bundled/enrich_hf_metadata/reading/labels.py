"""The words that cards put around what they state, in many languages; the data is in labels.yaml."""

import re
import unicodedata
from pathlib import Path
from typing import cast

import yaml


def _load() -> dict[str, str]:
    value: object = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text(encoding="utf-8"))
    groups = cast("dict[str, dict[str, list[str]] | list[str]]", value)
    return {name: "|".join(_patterns(group)) for name, group in groups.items()}


def _patterns(group: dict[str, list[str]] | list[str]) -> list[str]:
    if isinstance(group, list):
        return group
    return [pattern for patterns in group.values() for pattern in patterns]


_GROUPS = _load()


def alternatives(*names: str) -> str:
    """Return one expression for everything the data lists under these names."""
    return "(?:" + "|".join(_GROUPS[name] for name in names) + ")"


def each(name: str) -> list[re.Pattern[str]]:
    """Return the expressions under a name one by one; for those with a group of their own."""
    value: object = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text(encoding="utf-8"))
    return [re.compile(pattern, re.IGNORECASE) for pattern in cast("dict[str, list[str]]", value)[name]]


def table(name: str) -> dict[str, str]:
    """Return the mapping under a name, with one expression for each key."""
    value: object = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text(encoding="utf-8"))
    groups = cast("dict[str, dict[str, list[str]]]", value)[name]
    return {key: "|".join(patterns) for key, patterns in groups.items()}


def normal(text: str) -> str:
    """Return text as labels are compared: full and half width alike."""
    return unicodedata.normalize("NFKC", text)
