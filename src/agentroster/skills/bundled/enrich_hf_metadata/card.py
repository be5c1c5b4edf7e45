"""A model card taken apart: front matter, body, sections, and the part about one file."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import cast
from urllib.parse import unquote

from agentroster.skills.bundled.enrich_hf_metadata.front_matter import front_matter

_MOST_FRONT_MATTER = 200_000
# Patterns meet short lines of a bounded text only, so that no card can keep the process busy.
_MOST_BODY, _MOST_LINES, _LONGEST_LINE = 400_000, 10_000, 2_000
# Marks of direction and of no width, and control characters: they hide or reorder what a person sees.
_INVISIBLE = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), 0x7F, 0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060,
     *range(0x2066, 0x206A), 0xFEFF)
)  # fmt: skip
_HEADING = re.compile(r"^\s{0,3}(?:[-*]\s{1,4})?(#{1,6})\s{1,4}(\S.*)$")
_LIST_MARK = re.compile(r"^\s*\d{1,4}[.)]\s")
_IN_PASSING = re.compile(r"[.!?。]\s|\b(?:with|like|see|than|without|from|mit|wie|avec|con|com|с)\W*$|と|和")
_MOST_WORDS_BEFORE = 8
_ANCHOR = re.compile(r"\]\(#([^()\s]{1,200})\)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_BOLD_LINE = re.compile(r"^\s{0,3}(?:\*\*|__)([^*_|`\n]{1,80})(?:\*\*|__)\s{0,3}[:：]?\s{0,9}$")
_UNDERLINE = re.compile(r"^ {0,3}(=|-)\1{2,200}\s{0,9}$")
BOLD_LEVEL, _LONGEST_TITLE, _LONGEST_NAME, _MOST_PARTS = 7, 100, 200, 3
# Trainers pad their step numbers; a year or a version has fewer digits, and names another model.
_STEP = re.compile(r"[-_](?:\d{6,}|(?:steps?|epochs?|e)[-_]?\d+)$")
# The same weights in another precision or form are the same model.
_FORM = re.compile(
    r"[-_.](?:fp(?:8|16|32)(?:[-_]e\dm\d\w{0,9})?|bf16|f16|f32|pruned|ema|q\d(?:_\w){0,2}|comfyui|diffusers)$"
)
_WEIGHT_ENDING = re.compile(r"\.(?:safetensors|ckpt|pt|gguf)\b", re.IGNORECASE)
_NAME_CHARACTER = re.compile(r"[\w%+.\-]")
WEIGHT_NAME = re.compile(r"[\w%+.\-]{1,200}\.(?:safetensors|ckpt|pt|gguf)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """Front matter as plain values, and the Markdown below it."""

    front: Mapping[str, object]
    body: str

    def strings(self, key: str) -> list[str]:
        """Return the non-empty texts under a front-matter key, whether it holds one value or a list."""
        value = self.front.get(key)
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        texts = [item.strip() for item in values if isinstance(item, str)]
        return [text for text in texts if text and text not in {"~", "null", "Null", "NULL"}]


@dataclass(frozen=True, slots=True)
class FilePart:
    """What a card says about one file: a text, the table row about it by column name, and the titles above."""

    text: str
    row: tuple[tuple[str, str], ...] = ()
    above: tuple[str, ...] = ()


def parse_card(text: str) -> Card:
    """Take a card apart; never fails: broken front matter is read line by line, or is part of the body."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n \t")
    text = text[: _MOST_FRONT_MATTER + _MOST_BODY].translate(_INVISIBLE)
    lines = [piece for line in text.split("\n", _MOST_LINES)[:_MOST_LINES] for piece in _folded(line)]
    text = "\n".join(lines)
    if lines[0].rstrip() != "---":
        return Card({}, text)
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        return Card({}, text)
    return Card(front_matter("\n".join(lines[1:end])[:_MOST_FRONT_MATTER]), "\n".join(lines[end + 1 :]).strip("\n"))


def _folded(line: str) -> Iterator[str]:
    """Yield a line in pieces that patterns can meet, cut between words or tags."""
    position = 0
    while len(line) - position > _LONGEST_LINE:
        end = position + _LONGEST_LINE
        cut = max(line.rfind(mark, position + 1, end) for mark in " >")
        # A cut within a tag would show its attributes as text.
        opened = line.rfind("<", position + 1, max(cut, position + 1))
        cut = opened - 1 if opened > line.rfind(">", position, max(cut, position)) and opened > end - 600 else cut
        yield line[position : (cut := cut + 1 if cut > position else end)]
        position = cut
    yield line[position:]


def headings(body: str) -> Iterator[tuple[int, int, str]]:
    """Yield line number, level and text of each heading outside code fences; a line all in bold is the lowest."""
    fenced = False
    lines = body.split("\n")
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            continue
        elif match := _HEADING.match(line):
            yield number, len(match[1]), match[2].rstrip(" #")
        elif match := _BOLD_LINE.match(line):
            yield number, BOLD_LEVEL, match[1]
        elif number + 1 < len(lines) and (match := _UNDERLINE.match(lines[number + 1])) and _is_title(lines, number):
            yield number, 1 if match[1] == "=" else 2, line.strip()


def _is_title(lines: list[str], number: int) -> bool:
    line = lines[number].strip()
    alone = number == 0 or not lines[number - 1].strip()
    return alone and 0 < len(line) <= _LONGEST_TITLE and not line.startswith(("|", "-", "*", ">", "#", "!", "<"))


def outside_fences(text: str) -> str:
    """Return the text without its fenced code."""
    kept: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            kept.append(line)
    return "\n".join(kept)


def model_key(name: str) -> str:
    """Return what the files of one model have in common: the name without step and precision."""
    return _STEP.sub("", _FORM.sub("", name.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()))


def mentioned_files(body: str) -> set[str]:
    """Return the weight-file names the body mentions, decoded and in lower case."""
    return _names_in(body)


def part_for(body: str, file_name: str) -> FilePart | None:
    """Return the surest part of a collection's card that is about this file, or None."""
    return next(iter(parts_for(body, file_name)), None)


def parts_for(body: str, file_name: str, files: Iterable[str] = ()) -> tuple[FilePart, ...]:
    """Return the parts of a collection's card about this file: by its exact name, else by a title like its name."""
    shelf = _Shelf(body, file_name)
    exact = [*islice(shelf.rows(exact=True), _MOST_PARTS), *islice(shelf.sections(exact=True), _MOST_PARTS)]
    others = {_plain_name(name) for name in files} - {_plain_name(file_name)}
    alike = any(_squeezed(name.rsplit(".", 1)[0]) == _squeezed(file_name.rsplit(".", 1)[0]) for name in others)
    titled = () if alike else (*islice(shelf.sections(exact=False), 1), *islice(shelf.rows(exact=False), 1))
    return tuple(dict.fromkeys([*exact, *titled] or [*islice(shelf.linked(), 1), *shelf.mentions()]))


class _Shelf:
    """A collection's card, asked about one file."""

    def __init__(self, body: str, file_name: str) -> None:
        self._lines = body.split("\n")
        self._marks = list(headings(body))
        self._file_name = file_name
        self._wanted = _plain_name(file_name)
        self._rows = list(_numbered_rows(self._lines))

    def rows(self, *, exact: bool) -> Iterator[FilePart]:
        for number, row in self._rows:
            cells = row.values()
            if any(_mentions(cell, self._wanted) if exact else _same_name(cell, self._file_name) for cell in cells):
                pairs = tuple(row.items())
                yield FilePart(" | ".join(cells), pairs, self._above(number, BOLD_LEVEL + 1))

    def sections(self, *, exact: bool) -> Iterator[FilePart]:
        for index, (_, _, text) in enumerate(self._marks):
            if _mentions(text, self._wanted) if exact else _same_name(text, self._file_name):
                yield self._section(index)

    def linked(self) -> Iterator[FilePart]:
        """Yield the sections that a table of contents links this file's name to."""
        for line in self._lines:
            if (match := _ANCHOR.search(line)) and _mentions(line, self._wanted):
                slug = _squeezed(match[1])
                yield from (self._section(i) for i, (_, _, text) in enumerate(self._marks) if _squeezed(text) == slug)

    def mentions(self) -> Iterator[FilePart]:
        """Yield what stands around the first mention of the file that is about no other file."""
        for number, line in enumerate(self._lines):
            if not _mentions(line, self._wanted) or _ANCHOR.search(line) or line.lstrip().startswith("|"):
                continue
            if not any(not self._own(name) for name in _names_in(line)) and self._begins(line):
                yield self._around(number)
                return

    def _begins(self, line: str) -> bool:
        """Whether a line is about the file, and does not just mention it in passing."""
        plain = unquote(line).lower()
        before = _LIST_MARK.sub("", plain[: plain.find(self._wanted)])
        return len(before.split()) <= _MOST_WORDS_BEFORE and not _IN_PASSING.search(before)

    def _own(self, name: str) -> bool:
        return model_key(name) == model_key(self._wanted) or self._wanted.endswith(" " + name)

    def _section(self, index: int) -> FilePart:
        number, level, _ = self._marks[index]
        limits = (line for line, other, text in self._marks[index + 1 :] if other <= level or self._other_file(text))
        end = next(limits, len(self._lines))
        return FilePart("\n".join(self._lines[number:end]), (), self._above(number, level))

    def _other_file(self, text: str) -> bool:
        return any(not self._own(name) for name in _names_in(text))

    def _around(self, number: int) -> FilePart:
        titles = [mark for mark in self._marks if mark[1] < BOLD_LEVEL]
        start = max((mark for mark, _, _ in titles if mark <= number), default=number)
        limits = [mark for mark, _, _ in titles if mark > number]
        # A section of one file is about it from its title on; of several, each begins with its name.
        named = [line for line in range(start, len(self._lines)) if self._other_file(self._lines[line])]
        end = min([*limits, *(line for line in named if line > number)], default=len(self._lines))
        if any(line < number for line in named) or (limits and any(number < line < min(limits) for line in named)):
            start = number
        return FilePart("\n".join(self._lines[start:end]), (), self._above(start, BOLD_LEVEL + 1))

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
    first = next((number for number, line in enumerate(lines) if _names_in(line)), len(lines))
    marks = [(number, level) for number, level, _ in headings(body)]
    start, level = max((mark for mark in marks if mark[0] <= first), default=(0, 0))
    if [other for _, other in marks].count(level) == 1 and level == min(other for _, other in marks):
        # Under the title of the whole card everything before the first file's own lines is shared.
        start = next((number for number in range(first, start, -1) if not lines[number - 1].strip()), start)
    return "\n".join(lines[: start if first < len(lines) else first])


def _names_in(line: str) -> set[str]:
    return {
        _plain_name(line[_name_start(line, match.start()) : match.end()]) for match in _WEIGHT_ENDING.finditer(line)
    }


def _name_start(line: str, end: int) -> int:
    """Return where the file name that ends here begins; a pattern would try from every character before."""
    start = end
    while start > max(0, end - _LONGEST_NAME) and _NAME_CHARACTER.match(line[start - 1]):
        start -= 1
    return start


def _mentions(line: str, wanted: str) -> bool:
    # A name with blanks is found by looking for it; nobody can tell where it begins otherwise.
    return wanted in _names_in(line) or (" " in wanted and wanted in unquote(line).lower())


def _plain_name(name: str) -> str:
    return unquote(name).strip(" ([").rsplit("/", 1)[-1].lower()


def _same_name(heading: str, file_name: str) -> bool:
    stem = file_name.rsplit(".", 1)[0]
    text = re.sub(r"[`*\[\]]", "", re.sub(r"\]\([^()]{0,500}\)", "", heading))
    return _squeezed(text) in {_squeezed(stem), _squeezed(file_name)}


def _squeezed(text: str) -> str:
    return re.sub(r"[_\-.\s]+", " ", unquote(text)).strip().lower()


def table_rows(body: str) -> Iterator[dict[str, str]]:
    """Yield each row of each Markdown table as a mapping from lower-case column name to cell text."""
    for _, row in _numbered_rows(body.split("\n")):
        yield row


def cells_of(line: str) -> list[str]:
    """Return the cells of a table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def is_rule(cells: list[str]) -> bool:
    """Whether these cells are the line between a table's head and its rows."""
    return all(re.fullmatch(r":?-+:?", cell) for cell in cells if cell) and any(cells)


def _numbered_rows(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    header: list[str] = []
    previous: list[str] = []
    in_table = False
    for number, line in enumerate(lines):
        if "|" not in line:
            in_table, previous = False, []
            continue
        cells = cells_of(line)
        if previous and is_rule(cells):
            header, in_table = [cell.strip("*` ").lower() for cell in previous], True
        elif in_table:
            yield number, dict(zip(header, cells, strict=False))
        previous = cells
