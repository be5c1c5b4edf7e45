"""Words the report of a pipeline: each item, and all of them, however many there are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentroster.json_values import is_list
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown

_MAX_CELL = 300
# A chat client draws the whole table anew with each chunk of text.
_MAX_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReport:
    """What came of one item, by field.

    `updated` has the values written, `found` values that were only read; `kept` and `missing` say why. `notes` are
    what else a person should know, such as which values a language model read; `provenance` what set each new value.
    """

    item: str
    found: Mapping[str, object] = field(default_factory=dict[str, object])
    updated: Mapping[str, object] = field(default_factory=dict[str, object])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    error: str = ""

    def row(self) -> str:
        """Return the Markdown table row of this item."""
        done = "; ".join(f"{name}: {_value(value)}" for name, value in {**self.found, **self.updated}.items())
        kept = "; ".join(f"{name} ({why})" for name, why in self.kept.items())
        missing = "; ".join(f"{name} ({why})" for name, why in {**self.missing, **self.notes}.items())
        cells = (self.item, done or say("skills.nothing_set"), kept or "-", self.error or missing or "-")
        return f"| {' | '.join(map(_cell, cells))} |\n"

    def to_json(self) -> dict[str, object]:
        """Return the report for a program or a model."""
        if self.error:
            return {"item": self.item, "error": self.error}
        names = ("found", "updated", "kept", "missing", "notes", "provenance")
        return {"item": self.item, **{name: value for name in names if (value := getattr(self, name))}}


@dataclass(slots=True)
class Tally:
    """Counts reports and keeps as many as a tool may return; all of them would fill the memory of a large run.

    `total` is the number of items, `most_characters` the length of the result.
    """

    total: int
    most_characters: int
    done: int = 0
    changed: int = 0
    failed: int = 0
    kept: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    rows: int = 0
    _characters: int = 0

    def add(self, report: ItemReport) -> str:
        """Count a report, and return what to show of it: its row, while the table is short enough to be read."""
        self.done += 1
        self.changed += bool(report.updated)
        self.failed += bool(report.error)
        self._keep(report.to_json())
        if self.rows < _MAX_ROWS:
            self.rows += 1
            return report.row()
        if self.done % _MAX_ROWS == 0:
            done, total, changed, failed = self.done, self.total, self.changed, self.failed
            return say("skills.done_so_far", done=done, total=total, changed=changed, failed=failed) + "\n"
        return ""

    def summary(self) -> str:
        """Return the last line."""
        if not self.done:
            return f"{say('skills.nothing_to_do')}\n"
        total, changed, unchanged, failed = self.done, self.changed, self._unchanged, self.failed
        summary = say("skills.summary", total=total, changed=changed, unchanged=unchanged, failed=failed)
        left_out = total - self.rows
        return f"\n{summary} {say('skills.rows_left_out', rows=left_out)}\n" if left_out else f"\n{summary}\n"

    def to_json(self) -> dict[str, object]:
        """Return the counts and what was kept."""
        counts: dict[str, object] = {
            "total": self.done,
            "changed": self.changed,
            "unchanged": self._unchanged,
            "failed": self.failed,
        }
        left_out = self.done - len(self.kept)
        return {**counts, **({"items_left_out": left_out} if left_out else {}), "items": self.kept}

    @property
    def _unchanged(self) -> int:
        return self.done - self.changed - self.failed

    def _keep(self, item: dict[str, object]) -> None:
        if self._characters > self.most_characters:
            return
        self._characters += len(json.dumps(item, ensure_ascii=False)) + 2
        # Room for the counts around the items.
        if self._characters <= self.most_characters - 200:
            self.kept.append(item)
        else:
            self._characters = self.most_characters + 1


def table_head() -> str:
    """Return the head of the table of items."""
    return f"{say('skills.table_head')}\n| --- | --- | --- | --- |\n"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if is_list(value) else str(value)


def _cell(text: str) -> str:
    flat = escape_markdown(" ".join(text.split())).replace("|", "\\|")
    return flat if len(flat) <= _MAX_CELL else f"{flat[:_MAX_CELL]}..."
