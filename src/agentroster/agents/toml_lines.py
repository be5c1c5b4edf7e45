"""Finds the lines of tables and keys in a TOML text: `tomllib` does not say."""

import tomllib
from collections.abc import Mapping
from typing import Any, cast

Path = tuple[str, ...]

# No field stands deeper: agents.NAME.limits.seconds.
_MAX_DEPTH = 6


def lines_of(text: str) -> dict[Path, int]:
    """Return the line number of each table and key of a valid TOML text, by its path: ("agents", "x", "model")."""
    found: dict[Path, int] = {}
    table: Path = ()
    lines, start = text.splitlines(keepends=True), 0
    for end in range(1, len(lines) + 1):
        if end - start > 1 and (quotes := _opened(lines[start])) and quotes not in lines[end - 1]:
            # The inside of a long text: whether it is complete is only asked where it may be.
            continue
        statement = "".join(lines[start:end])
        try:
            value = tomllib.loads(statement)
        except ValueError:
            # A text or a list goes on in the next line.
            continue
        if statement.lstrip().startswith("["):
            table = _paths(value)[-1] if value else ()
            for depth in range(len(table)):
                found.setdefault(table[: depth + 1], start + 1)
        else:
            for path in _paths(value):
                found.setdefault((*table, *path), start + 1)
        start = end
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a path, or of what it stands in; 1 where nothing of it is known."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def _opened(line: str) -> str:
    return next((quotes for quotes in ('"""', "'''") if quotes in line), "")


def _paths(value: object, depth: int = _MAX_DEPTH) -> list[Path]:
    """Return the paths of the keys of a value, outer ones first; for a list of tables those of its only one."""
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return _paths(entries[0], depth - 1) if len(entries) == 1 and depth else []
    found: list[Path] = []
    if isinstance(value, dict) and depth:
        for key, inner in cast("dict[str, Any]", value).items():
            found += [(key,), *((key, *rest) for rest in _paths(inner, depth - 1))]
    return found
