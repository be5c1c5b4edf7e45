"""Gathers what the last event of a job says of all its items: which were changed, and which failed why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentroster.jobs.job import Counts
from agentroster.messages import say

_MAX_ITEMS = 1_000


@dataclass(slots=True)
class Outcomes:
    """The first thousand of each kind; the events of the items have all."""

    updated: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    errors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def add(self, report: Mapping[str, Any]) -> None:
        """Add the report of an item, as its event has it."""
        item, error, updated = report.get("item", ""), report.get("error"), report.get("updated")
        if error and len(self.errors) < _MAX_ITEMS:
            self.errors.append({"item": item, "error": error})
        elif updated and len(self.updated) < _MAX_ITEMS:
            self.updated.append({"item": item, "updated_fields": sorted(updated)})

    def to_json(self, counts: Counts) -> dict[str, object]:
        """Return the fields of the last event."""
        unchanged = counts.done - counts.changed - counts.failed
        summary = say(
            "jobs.summary", total=counts.done, changed=counts.changed, unchanged=unchanged, failed=counts.failed
        )
        return {"updated_items": self.updated, "errors": self.errors, "summary": summary}
