"""Writes docs/model-servers.md from the tables that the code reads, so that the page cannot be wrong."""

from pathlib import Path

from agentroster.llm.dialects.catalogue import CATALOGUE
from agentroster.llm.dialects.rule import Rule

PAGE = Path(__file__).parent.parent / "docs" / "model-servers.md"
SERVERS = Path(__file__).parent / "model_servers.md"


def page() -> str:
    """Return the whole page."""
    tables = [f"\n### {title}\n\n{_table(rules)}" for title, rules in CATALOGUE.items()]
    return SERVERS.read_text(encoding="utf-8") + "".join(tables)


def _table(rules: tuple[Rule, ...]) -> str:
    lines = ["| Kind | Seen | Done | Learnt from |\n| --- | --- | --- | --- |\n"]
    seen: set[tuple[str, ...]] = set()
    for rule in rules:
        cells = tuple(
            text.replace("|", "\\|").replace("\n", " ") for text in (rule.name, rule.seen, rule.done, rule.source)
        )
        if cells not in seen:
            lines.append(f"| {' | '.join(cells)} |\n")
        seen.add(cells)
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
