"""The corpus: a folder for each model card, with the values it states about one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

CARDS = Path(__file__).with_name("cards")
CORPORA = tuple(
    CARDS.with_name(name) for name in ("cards", "wild", "unseen", "blind", "fresh", "last", "second", "third")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a card states about a file; words are empty and the others None where it is silent."""

    base_model: str | None
    trained_words: tuple[str, ...]
    preview: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One card, the file that is asked about, and what must be found."""

    name: str
    card: bytes
    repository: str
    file: str
    model_type: str
    repository_files: tuple[str, ...]
    hub_tags: tuple[str, ...]
    expected: Values
    tags_include: tuple[str, ...]
    tags_exclude: tuple[str, ...]


def load_cases(folder: Path) -> list[Case]:
    """Return all cases of a folder by name. Raises TypeError for one that is not complete."""
    return [_load(path.parent) for path in sorted(folder.glob("*/case.yaml"))]


def _load(folder: Path) -> Case:
    given = _mapping(yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8")), folder)
    expected = _mapping(given.get("expected"), folder)
    return Case(
        name=folder.name,
        card=(folder / "README.md").read_bytes(),
        repository=_text(given, "repository") or "",
        file=_text(given, "file") or "",
        model_type=_text(given, "model_type") or "",
        repository_files=_texts(given, "repository_files"),
        hub_tags=_texts(given, "hub_tags"),
        expected=Values(
            base_model=_text(expected, "base_model"),
            trained_words=_texts(expected, "trained_words"),
            preview=_text(expected, "preview"),
        ),
        tags_include=_texts(expected, "tags_include"),
        tags_exclude=_texts(expected, "tags_exclude"),
    )


def _mapping(value: object, folder: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{folder.name}: not a case")
    return cast("Mapping[str, object]", value)


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) and value else None


def _texts(values: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = values.get(key)
    return tuple(str(item) for item in cast("list[object]", value)) if isinstance(value, list) else ()
