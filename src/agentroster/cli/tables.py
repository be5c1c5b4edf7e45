"""Tables for people, JSON for programs."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import cast

import click

_GAP, _LEAST = "  ", 12


def shown_time(seconds: float | None) -> str | None:
    """Return a time as people and programs read it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_listing(
    columns: tuple[str, ...], rows: Sequence[Mapping[str, object]], broken: dict[str, str], *, as_json: bool
) -> None:
    """Print what there is, and on standard error what is broken."""
    if as_json:
        click.echo(json.dumps({"items": rows, "broken": broken}, indent=2))
        return
    print_table(columns, rows)
    for name, reason in broken.items():
        click.echo(f"broken, skipped: {name}: {reason}", err=True)


def print_table(columns: tuple[str, ...], rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table with aligned columns; on a terminal, long cells go on below in their column."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    if sys.stdout.isatty():
        widths = fitted(widths, shutil.get_terminal_size().columns)
    for line in (list(columns), *cells):
        parts = [_wrapped(text, width) for text, width in zip(line, widths, strict=True)]
        for row in zip_longest(*parts, fillvalue=""):
            click.echo(_GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that fit into the room, the widest columns made narrower, none below what can be read."""
    found = list(widths)
    over = sum(found) + len(_GAP) * (len(found) - 1) - room
    while over > 0 and max(found) > _LEAST:
        found[found.index(max(found))] -= 1
        over -= 1
    return found


def _wrapped(text: str, width: int) -> list[str]:
    return [text] if len(text) <= width else textwrap.wrap(text, width) or [""]


def _cell(value: object) -> str:
    match value:
        case list():
            return ",".join(map(str, cast("list[object]", value))) or "-"
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
        case _:
            return str(value)
