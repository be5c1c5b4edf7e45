"""Loads the words of ten languages that a sentence may be made of; the data is in sentences.yaml."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from agentroster.library.names import folded

_FIRST_NOT_LATIN = "\u0370"
_UNSPACED = frozenset({"zh-CN", "zh-TW", "ja"})
FIELDS = ("base_model", "trainedWords", "modelDescription", "civitai.description")


@dataclass(frozen=True, slots=True)
class Language:
    """The phrases of one language by their first character, longest first, each with what it means.

    `is_spaced`: a word ends where the letters end; else words follow each other without a blank.
    """

    name: str
    phrases: Mapping[str, Sequence[tuple[str, str]]]
    is_spaced: bool

    def longest_at(self, text: str, start: int) -> tuple[int, str]:
        """Return where the longest phrase at a place of a folded text ends, and what it means; `start` for none."""
        for phrase, kind in self.phrases.get(text[start : start + 1], ()):
            end = start + len(phrase)
            if text.startswith(phrase, start) and (self._ends(text, end) or not phrase[-1].isalnum()):
                return end, kind
        return start, ""

    def _ends(self, text: str, end: int) -> bool:
        last, following = text[end - 1], text[end : end + 1]
        if not (following.isalnum() or following in {"_", "'"}) or not following:
            return True
        # A name in Latin letters may follow a word of another script without a blank, and the other way round.
        if (last < _FIRST_NOT_LATIN) != (following < _FIRST_NOT_LATIN):
            return True
        return not self.is_spaced and last >= _FIRST_NOT_LATIN


def expanded(pattern: str) -> Iterator[str]:
    """Yield what a pattern stands for: [x] may be left out, (x|y) are alternatives."""
    match = re.search(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)", pattern)
    if match is None:
        yield " ".join(pattern.split())
        return
    choices = ["", *match[1].split("|")] if match[1] is not None else match[2].split("|")
    for choice in choices:
        yield from expanded(pattern[: match.start()] + choice + pattern[match.end() :])


@cache
def languages() -> tuple[Language, ...]:
    """Return all languages."""
    text = Path(__file__).with_name("sentences.yaml").read_text(encoding="utf-8")
    data = cast("dict[str, dict[str, list[str]]]", yaml.load(text, yaml.BaseLoader))  # noqa: S506 - makes texts only
    return tuple(_language(name, kinds) for name, kinds in data.items())


def _language(name: str, kinds: Mapping[str, Sequence[str]]) -> Language:
    meanings: dict[str, str] = {}
    for kind, patterns in kinds.items():
        for pattern in patterns:
            for phrase in expanded(pattern):
                # What is listed first counts: "for" is no reason to do nothing where it is a plain word.
                meanings.setdefault(folded(phrase), kind)
    for field in FIELDS:
        meanings.setdefault(folded(field), field)
    by_first: dict[str, list[tuple[str, str]]] = {}
    for phrase in sorted(meanings, key=len, reverse=True):
        by_first.setdefault(phrase[0], []).append((phrase, meanings[phrase]))
    return Language(name, by_first, name not in _UNSPACED)
