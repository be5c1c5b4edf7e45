"""A model card taken apart: front matter, body, sections, and the part about one file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote

import yaml

_MOST_FRONT_MATTER = 200_000
# Patterns meet short lines of a bounded text only, so that no card can keep the process busy.
_MOST_BODY, _LONGEST_LINE = 400_000, 2_000
_KEY_LINE = re.compile(r"^([A-Za-z_][\w-]*)\s*:\s*(.*?)\s*$")
_ITEM_LINE = re.compile(r"^\s*-\s+(.*?)\s*$")
_HEADING = re.compile(r"^\s{0,3}(?:[-*]\s{1,4})?(#{1,6})\s{1,4}(\S.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
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
    """What a card says about one file: a text, and the table row about it by column name."""

    text: str
    row: Mapping[str, str] = field(default_factory=dict[str, str])


def parse_card(text: str) -> Card:
    """Take a card apart; never fails: broken front matter is read line by line, or is part of the body."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n \t")
    lines = [line[:_LONGEST_LINE] for line in text[: _MOST_FRONT_MATTER + _MOST_BODY].split("\n")]
    text = "\n".join(lines)
    if lines[0].rstrip() != "---":
        return Card({}, text)
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        return Card({}, text)
    return Card(_front_matter("\n".join(lines[1:end])[:_MOST_FRONT_MATTER]), "\n".join(lines[end + 1 :]).strip("\n"))


def _front_matter(text: str) -> dict[str, object]:
    try:
        # Texts only: a card means "no" and "007" as written, not as a truth value or a number.
        value: object = yaml.load(text.replace("\t", "  "), Loader=yaml.BaseLoader)  # noqa: S506 - builds texts only
    except (yaml.YAMLError, ValueError, RecursionError):
        return _line_by_line(text)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _line_by_line(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    items: list[object] = []
    folded = ""
    for line in text.replace("\t", "  ").split("\n"):
        if match := _KEY_LINE.match(line):
            folded, items = "", []
            value = _scalar(match[2])
            if match[2] in {">", ">-", "|", "|-"}:
                folded, value = match[1], ""
            found.setdefault(match[1], _flow_list(match[2]) or value or items)
        elif match := _ITEM_LINE.match(line):
            items.append(_scalar(match[1]))
        elif folded and line.startswith(" "):
            found[folded] = f"{found[folded] or ''} {line.strip()}".strip()
    return found


def _scalar(text: str) -> str:
    quoted = re.match(r"([\"'])(.*)\1", text)
    return quoted[2] if quoted else re.split(r"\s#", text, maxsplit=1)[0].strip()


def _flow_list(text: str) -> list[object]:
    inner = re.fullmatch(r"\[(.*)\]", text.strip())
    return [_scalar(part.strip()) for part in inner[1].split(",")] if inner else []


def headings(body: str) -> Iterator[tuple[int, int, str]]:
    """Yield line number, level and text of each heading outside code fences."""
    fenced = False
    for number, line in enumerate(body.split("\n")):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)):
            yield number, len(match[1]), match[2].rstrip(" #")


def mentioned_files(body: str) -> set[str]:
    """Return the weight-file names the body mentions, decoded and in lower case."""
    return _names_in(body)


def part_for(body: str, file_name: str) -> FilePart | None:
    """Return the part of a collection's card that is about this file, or None."""
    row = next((row for row in table_rows(body) if _row_names(row, file_name)), None)
    if row is not None:
        return FilePart(" ".join(row.values()), row)
    lines = body.split("\n")
    marks = list(headings(body))
    for index, (number, level, text) in enumerate(marks):
        if _same_name(text, file_name):
            end = next((line for line, other, _ in marks[index + 1 :] if other <= level), len(lines))
            return FilePart("\n".join(lines[number:end]))
    return _around_mention(lines, marks, file_name)


def shared_part(body: str) -> str:
    """Return the beginning of a collection's card, before the part about its first file."""
    lines = body.split("\n")
    first = next((number for number, line in enumerate(lines) if _names_in(line)), len(lines))
    start = max((number for number, _, _ in headings(body) if number <= first), default=0)
    return "\n".join(lines[: start if first < len(lines) else first])


def _around_mention(lines: list[str], marks: list[tuple[int, int, str]], file_name: str) -> FilePart | None:
    wanted = _plain_name(file_name)
    for number, line in enumerate(lines):
        if not _mentions(line, wanted):
            continue
        start = max((mark for mark, _, _ in marks if mark <= number), default=number)
        limits = [mark for mark, _, _ in marks if mark > number]
        limits += [later for later in range(number + 1, len(lines)) if _names_in(lines[later]) - {wanted}]
        earlier = [before for before in range(start, number) if _names_in(lines[before]) - {wanted}]
        if earlier:
            start = max(earlier) + 1
        return FilePart("\n".join(lines[start : min(limits, default=len(lines))]))
    return None


def _names_in(line: str) -> set[str]:
    return {_plain_name(match[0]) for match in WEIGHT_NAME.finditer(line)}


def _mentions(line: str, wanted: str) -> bool:
    # A name with blanks is found by looking for it; nobody can tell where it begins otherwise.
    return wanted in _names_in(line) or (" " in wanted and wanted in unquote(line).lower())


def _plain_name(name: str) -> str:
    return unquote(name).strip(" ([").rsplit("/", 1)[-1].lower()


def _same_name(heading: str, file_name: str) -> bool:
    stem = file_name.rsplit(".", 1)[0]
    text = re.sub(r"[`*\[\]]", "", re.sub(r"\(https?://[^)]*\)", "", heading))
    return _squeezed(text) in {_squeezed(stem), _squeezed(file_name)}


def _squeezed(text: str) -> str:
    return re.sub(r"[_\-.\s]+", " ", unquote(text)).strip().lower()


def table_rows(body: str) -> Iterator[dict[str, str]]:
    """Yield each row of each Markdown table as a mapping from lower-case column name to cell text."""
    header: list[str] = []
    previous: list[str] = []
    in_table = False
    for line in body.split("\n"):
        if "|" not in line:
            in_table, previous = False, []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if previous and all(re.fullmatch(r":?-+:?", cell) for cell in cells if cell):
            header, in_table = [cell.strip("*` ").lower() for cell in previous], True
        elif in_table:
            yield dict(zip(header, cells, strict=False))
        previous = cells


def _row_names(row: Mapping[str, str], file_name: str) -> bool:
    return any(_mentions(cell, _plain_name(file_name)) or _same_name(cell, file_name) for cell in row.values())
