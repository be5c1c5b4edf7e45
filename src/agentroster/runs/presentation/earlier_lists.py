"""Shortens the lists of pipelines in earlier answers: a model need not read 500 items again with each message."""

import re
from collections.abc import Iterator

from agentroster.messages import say

_MAX_CHARACTERS = 1_000
"""Of the items that stay."""

# As a heading, or where a page shows the list closed.
_TITLES = "|".join(
    re.escape(title).replace("0", r"\d+")
    for title in (
        say("skills.all_of_them", count=0),
        say("skills.the_others", count=0),
        say("skills.needs_you", count=0),
    )
)
_TITLE = re.compile(rf"(?:\*\*(?:{_TITLES})\*\*|<summary>(?:{_TITLES})</summary>)[ \t]*(?:\r?\n)?")
_ITEM = re.compile(r"\s*- |\s*$")


def shortened_lists(text: str) -> str:
    """Return a text in which each long list of a pipeline, known by its title, ends after its first items."""
    return "".join(_shortened(text.splitlines(keepends=True))) if len(text) > _MAX_CHARACTERS else text


def _shortened(lines: list[str]) -> Iterator[str]:
    kept, left_out, is_inside = 0, 0, False
    for line in lines:
        if is_inside and not _ITEM.match(line):
            yield from _rest(left_out)
            is_inside = False
        if _TITLE.fullmatch(line):
            yield line
            kept, left_out, is_inside = 0, 0, True
            continue
        if is_inside:
            kept += len(line)
            if kept > _MAX_CHARACTERS:
                left_out += line.startswith("- ")
                continue
        yield line
    if is_inside:
        yield from _rest(left_out)


def _rest(rows: int) -> Iterator[str]:
    if rows:
        yield f"{say('runs.rows_left_out', count=rows)}\n\n"
