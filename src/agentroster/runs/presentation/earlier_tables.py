"""Shortens the tables of pipelines in earlier answers: a model need not read 500 rows again with each message."""

from collections.abc import Iterator

from agentroster.messages import say

_HEADS = ("skills.table_head",)
_MAX_CHARACTERS = 1_000
"""Of the rows that stay."""


def shortened_tables(text: str) -> str:
    """Return a text in which each long table of a pipeline, known by its head, ends after its first rows."""
    heads = frozenset(map(say, _HEADS))
    if not any(head in text for head in heads):
        return text
    return "".join(_shortened(text.splitlines(keepends=True), heads))


def _shortened(lines: list[str], heads: frozenset[str]) -> Iterator[str]:
    kept, left_out, is_inside = 0, 0, False
    for line in lines:
        if is_inside and not line.startswith("|"):
            yield from _rest(left_out)
            is_inside = False
        if line.rstrip("\r\n") in heads:
            yield from _rest(left_out if is_inside else 0)
            kept, left_out, is_inside = 0, 0, True
        kept += len(line)
        if is_inside and (left_out or kept > _MAX_CHARACTERS):
            left_out += 1
            continue
        yield line
    if is_inside:
        yield from _rest(left_out)


def _rest(rows: int) -> Iterator[str]:
    if rows:
        yield f"{say('runs.rows_left_out', count=rows)}\n"
