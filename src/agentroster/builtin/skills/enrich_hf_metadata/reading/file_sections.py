"""Finds the parts of a card of several files that are about one of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from agentroster.builtin.skills.enrich_hf_metadata.reading.file_names import (
    mentions,
    model_key,
    names_in,
    plain_name,
    same_name,
    squeezed,
)
from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import BOLD_LEVEL, headings, numbered_rows

_LIST_MARK = re.compile(r"^\s*\d{1,4}[.)]\s")
_IN_PASSING = re.compile(r"[.!?。]\s|\b(?:with|like|see|than|without|from|mit|wie|avec|con|com|с)\W*$|と|和")
_MAX_WORDS_BEFORE = 8
_ANCHOR = re.compile(r"\]\(#([^()\s]{1,200})\)")
_MAX_PARTS = 3


@dataclass(frozen=True, slots=True)
class FilePart:
    """What a card says about one file: a text, the table row about it by column name, and the titles above."""

    text: str
    row: tuple[tuple[str, str], ...] = ()
    above: tuple[str, ...] = ()


def parts_for(body: str, file_name: str, files: Iterable[str] = ()) -> tuple[FilePart, ...]:
    """Return the parts of a collection's card about this file: by its exact name, else by a title like its name."""
    card = _SharedCard(body, file_name)
    exact = [*islice(card.rows(exact=True), _MAX_PARTS), *islice(card.sections(exact=True), _MAX_PARTS)]
    others = {plain_name(name) for name in files} - {plain_name(file_name)}
    alike = any(squeezed(name.rsplit(".", 1)[0]) == squeezed(file_name.rsplit(".", 1)[0]) for name in others)
    titled = () if alike else (*islice(card.sections(exact=False), 1), *islice(card.rows(exact=False), 1))
    return tuple(dict.fromkeys([*exact, *titled] or [*islice(card.linked(), 1), *card.mentions()]))


class _SharedCard:
    """The card of several files, asked about one of them."""

    def __init__(self, body: str, file_name: str) -> None:
        self._lines = body.split("\n")
        self._marks = list(headings(body))
        self._file_name = file_name
        self._wanted = plain_name(file_name)
        self._rows = list(numbered_rows(self._lines))

    def rows(self, *, exact: bool) -> Iterator[FilePart]:
        for number, row in self._rows:
            cells = row.values()
            if any(mentions(cell, self._wanted) if exact else same_name(cell, self._file_name) for cell in cells):
                pairs = tuple(row.items())
                yield FilePart(" | ".join(cells), pairs, self._above(number, BOLD_LEVEL + 1))

    def sections(self, *, exact: bool) -> Iterator[FilePart]:
        for index, (_, _, text) in enumerate(self._marks):
            if mentions(text, self._wanted) if exact else same_name(text, self._file_name):
                yield self._section(index)

    def linked(self) -> Iterator[FilePart]:
        """Yield the sections that a table of contents links this file's name to."""
        for line in self._lines:
            if (match := _ANCHOR.search(line)) and mentions(line, self._wanted):
                slug = squeezed(match[1])
                yield from (self._section(i) for i, (_, _, text) in enumerate(self._marks) if squeezed(text) == slug)

    def mentions(self) -> Iterator[FilePart]:
        """Yield what stands around the first mention of the file that is about no other file."""
        for number, line in enumerate(self._lines):
            if not mentions(line, self._wanted) or _ANCHOR.search(line) or line.lstrip().startswith("|"):
                continue
            if not self._other_file(line) and self._begins(line):
                yield self._around(number)
                return

    def _begins(self, line: str) -> bool:
        """Whether a line is about the file, and does not just mention it in passing."""
        plain = unquote(line).lower()
        before = _LIST_MARK.sub("", plain[: plain.find(self._wanted)])
        return len(before.split()) <= _MAX_WORDS_BEFORE and not _IN_PASSING.search(before)

    def _own(self, name: str) -> bool:
        return model_key(name) == model_key(self._wanted) or self._wanted.endswith(" " + name)

    def _section(self, index: int) -> FilePart:
        number, level, _ = self._marks[index]
        limits = (line for line, other, text in self._marks[index + 1 :] if other <= level or self._other_file(text))
        end = next(limits, len(self._lines))
        return FilePart("\n".join(self._lines[number:end]), (), self._above(number, level))

    def _other_file(self, text: str) -> bool:
        return any(not self._own(name) for name in names_in(text))

    def _around(self, number: int) -> FilePart:
        titles = [mark for mark in self._marks if mark[1] < BOLD_LEVEL]
        start = max((mark for mark, _, _ in titles if mark <= number), default=number)
        limits = [mark for mark, _, _ in titles if mark > number]
        # A section of one file is about it from its title on; of several, each begins with its name.
        named = [line for line in range(start, len(self._lines)) if self._other_file(self._lines[line])]
        end = min([*limits, *(line for line in named if line > number)], default=len(self._lines))
        if any(line < number for line in named) or (limits and any(number < line < min(limits) for line in named)):
            start = number
        # The nearest title is the one that the part begins with; a sibling before it is about other files.
        return FilePart("\n".join(self._lines[start:end]), (), self._above(number, BOLD_LEVEL + 1))

    def _above(self, number: int, level: int) -> tuple[str, ...]:
        """Return the titles that a line stands under, the nearest first."""
        titles: list[str] = []
        for line, other, text in reversed(self._marks):
            if line < number and other < level:
                titles.append(text)
                level = other
        return tuple(titles)


def shared_part(body: str) -> str:
    """Return the beginning of a collection's card, before the part about its first file."""
    lines = body.split("\n")
    first = next((number for number, line in enumerate(lines) if names_in(line)), len(lines))
    marks = [(number, level) for number, level, _ in headings(body)]
    start, level = max((mark for mark in marks if mark[0] <= first), default=(0, 0))
    if [other for _, other in marks].count(level) == 1 and level == min(other for _, other in marks):
        # Under the title of the whole card everything before the first file's own lines is shared.
        start = next((number for number in range(first, start, -1) if not lines[number - 1].strip()), start)
    if not marks:
        start = first
    return "\n".join(lines[: start if first < len(lines) else first])
