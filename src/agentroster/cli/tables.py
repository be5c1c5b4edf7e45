"""Tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import click


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
    """Print a table with aligned columns."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in (list(columns), *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


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
