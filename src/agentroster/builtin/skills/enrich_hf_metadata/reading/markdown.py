"""What Markdown is made of: headings, fenced code, and tables."""

import re
from collections.abc import Iterator
from functools import lru_cache

FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^\s{0,3}(?:[-*]\s{1,4})?(#{1,6})\s{1,4}(\S.*)$")
_BOLD_LINE = re.compile(r"^\s{0,3}(?:\*\*|__)([^*_|`\n]{1,80})(?:\*\*|__)\s{0,3}[:：]?\s{0,9}$")
_UNDERLINE = re.compile(r"^ {0,3}(=|-)\1{2,200}\s{0,9}$")
BOLD_LEVEL, _MAX_TITLE = 7, 100


@lru_cache(maxsize=8)
def headings(body: str) -> tuple[tuple[int, int, str], ...]:
    """Return line number, level and text of each heading outside code fences; a line all in bold is the lowest."""
    return tuple(_headings(body))


def _headings(body: str) -> Iterator[tuple[int, int, str]]:
    fenced = False
    lines = body.split("\n")
    for number, line in enumerate(lines):
        if FENCE.match(line):
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
    return alone and 0 < len(line) <= _MAX_TITLE and not line.startswith(("|", "-", "*", ">", "#", "!", "<"))


def outside_fences(text: str) -> str:
    """Return the text without its fenced code."""
    kept: list[str] = []
    fenced = False
    for line in text.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            kept.append(line)
    return "\n".join(kept)


def table_rows(body: str) -> Iterator[dict[str, str]]:
    """Yield each row of each Markdown table as a mapping from lower-case column name to cell text."""
    for _, row in numbered_rows(body.split("\n")):
        yield row


def cells_of(line: str) -> list[str]:
    """Return the cells of a table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]


def is_rule(cells: list[str]) -> bool:
    """Whether these cells are the line between a table's head and its rows."""
    return all(re.fullmatch(r":?-+:?", cell) for cell in cells if cell) and any(cells)


def numbered_rows(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of each table row."""
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
