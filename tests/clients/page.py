"""The table of docs/clients.md: written from what a run of the tests saw, and compared with it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
CASES = ("plain", "streamed", "tools", "unknown model", "wrong key", "usage")
_TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)


def row(name: str, packages: Sequence[str], seen: Mapping[str, str]) -> str:
    """Return the row of one client."""
    return " | ".join([f"| {name}", f"`{' '.join(packages)}`", *(seen[case] for case in CASES)]) + " |"


def table(rows: Sequence[str]) -> str:
    """Return the whole table."""
    heads = ["Client", "Version", *CASES]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *rows]
    return "\n".join(lines) + "\n"


def written() -> str:
    """Return the table that the page has now."""
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    return found[0] if found else ""


def write(rows: Sequence[str]) -> None:
    """Put a table in the place of the page's."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(lambda _: table(rows), text), encoding="utf-8")
