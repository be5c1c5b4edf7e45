"""The corpus: a file of JSON Lines for each set of model cards, with what each card states about one file."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

_FOLDER = Path(__file__).parent
_FIRST = ("cards", "wild", "unseen", "blind", "fresh", "last", "second", "third")
_SETS = dict.fromkeys(_FIRST, "2026-11-21") | dict.fromkeys(("november", "hobby"), "2026-11-28")
CORPORA: Mapping[str, Path] = {name: _FOLDER / f"{name}-{date}.jsonl" for name, date in _SETS.items()}
"""The file of each set by its name; the date is the day on which the set was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a card states about a file; words are empty and the others None where it is silent."""

    base_model: str | None
    trained_words: tuple[str, ...]
    preview: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One card, the file that is asked about, what must be found, and who wrote it when (UTC)."""

    name: str
    author: str
    written: str
    card: bytes
    header: Mapping[str, str] = field(hash=False)
    """The `__metadata__` of the file itself; empty where a case has none."""
    repository: str
    file: str
    model_type: str
    repository_files: tuple[str, ...]
    hub_tags: tuple[str, ...]
    expected: Values
    tags_include: tuple[str, ...]
    tags_exclude: tuple[str, ...]


def load_cases(corpus: str) -> list[Case]:
    """Return all cases of a set in order. Raises KeyError or TypeError for a row that is not complete."""
    rows = CORPORA[corpus].read_bytes().decode().split("\n")
    return [_case(json.loads(row)) for row in rows if row]


def _case(row: dict[str, object]) -> Case:
    expected = cast("dict[str, object]", row["expected"])
    return Case(
        name=str(row["id"]),
        author=str(row["author"]),
        written=str(row["written"]),
        card=_card(row),
        header=cast("dict[str, str]", row.get("header") or {}),
        repository=str(row["repository"]),
        file=str(row["file"]),
        model_type=str(row["model_type"]),
        repository_files=_texts(row["repository_files"]),
        hub_tags=_texts(row["hub_tags"]),
        expected=Values(
            base_model=_text(expected["base_model"]),
            trained_words=_texts(expected["trained_words"]),
            preview=_text(expected["preview"]),
        ),
        tags_include=_texts(expected.get("tags_include", [])),
        tags_exclude=_texts(expected.get("tags_exclude", [])),
    )


def _card(row: Mapping[str, object]) -> bytes:
    """Return the card as the hub serves it; one that is not UTF-8 stands in base64."""
    text = row.get("card")
    return text.encode() if isinstance(text, str) else base64.b64decode(str(row["card_base64"]), validate=True)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("list[object]", value))
