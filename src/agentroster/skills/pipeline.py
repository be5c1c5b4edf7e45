"""Pipeline skills: the same steps for each of many items, a table of what was done.

    understand -> select -> for each item: prepare -> post_process -> one row of the table

A pipeline never calls a language model itself. Items run a few at a time; each is shown when it is done.
"""

import logging
from asyncio import TaskGroup
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from agentroster.errors import RosterError
from agentroster.library.library import Library
from agentroster.logs import redactor
from agentroster.skills.context import SkillContext
from agentroster.skills.manifest import Manifest
from agentroster.skills.tools import Tool

logger = logging.getLogger(__name__)

_HEADER = "| Item | Set | Kept | Not found |\n| --- | --- | --- | --- |\n"
_LONGEST_CELL = 150


class Item(Protocol):
    """One thing to work on; the handler chooses the type."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReport:
    """What came of one item, by field.

    `updated` has the values written, `found` values that were only read; `kept` and `missing` say why.
    """

    item: str
    found: Mapping[str, object] = field(default_factory=dict[str, object])
    updated: Mapping[str, object] = field(default_factory=dict[str, object])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    error: str = ""

    def row(self) -> str:
        """Return the Markdown table row of this item."""
        done = "; ".join(f"{name}: {_value(value)}" for name, value in {**self.found, **self.updated}.items())
        kept = "; ".join(f"{name} ({why})" for name, why in self.kept.items())
        missing = "; ".join(f"{name} ({why})" for name, why in self.missing.items())
        cells = (self.item, done or "nothing", kept or "-", self.error or missing or "-")
        return f"| {' | '.join(map(_cell, cells))} |\n"

    def to_json(self) -> dict[str, object]:
        """Return the report for a program or a model."""
        if self.error:
            return {"item": self.item, "error": self.error}
        fields = {"found": self.found, "updated": self.updated, "kept": self.kept, "missing": self.missing}
        return {"item": self.item, **{name: value for name, value in fields.items() if value}}


@dataclass(frozen=True, slots=True)
class Selection:
    """The items to work on, and a report for each wish that is refused."""

    items: Sequence[Item]
    refused: Sequence[ItemReport] = ()


class PipelineHandler(Protocol):
    """What `handler.py` of a pipeline skill defines."""

    def understand(self, text: str, library: Library) -> dict[str, Any] | None:
        """Return the arguments that a message asks for, or None when it is about something else."""
        ...

    async def select(self, context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
        """Return the items that the arguments mean."""
        ...

    async def prepare(self, context: SkillContext, item: Any) -> Any:
        """Gather what is needed to decide about one item. Raises a RosterError to report it as failed."""
        ...

    async def post_process(self, context: SkillContext, item: Any, prepared: Any) -> ItemReport:
        """Apply what was decided and report it."""
        ...


def pipeline_tool(manifest: Manifest, handler: PipelineHandler) -> Tool:
    """Return the pipeline as one tool."""

    async def run(context: SkillContext, /, **arguments: Any) -> dict[str, object]:
        return await run_pipeline(manifest, handler, context, arguments)

    return Tool(
        name=manifest.name.replace("-", "_"),
        description=manifest.description,
        parameters=manifest.input_schema or {},
        function=run,
        limits=manifest.limits,
        command=manifest.command,
        writes=True,
    )


async def run_pipeline(
    manifest: Manifest, handler: PipelineHandler, context: SkillContext, arguments: Mapping[str, Any]
) -> dict[str, object]:
    """Work through all items, showing the table row by row; return reports and counts."""
    selection = await handler.select(context, arguments)
    reports = list(selection.refused)
    if selection.items or reports:
        await context.show(_HEADER)
    for report in reports:
        await context.show(report.row())
    queue = iter(selection.items)

    async def work() -> None:
        for item in queue:
            report = await _one(handler, context, item)
            reports.append(report)
            await context.show(report.row())

    async with TaskGroup() as group:
        for _ in range(min(manifest.limits.parallel_items, len(selection.items))):
            group.create_task(work())
    counts = _counts(reports)
    await context.show(_summary(counts))
    return {**counts, "items": [report.to_json() for report in reports]}


async def _one(handler: PipelineHandler, context: SkillContext, item: Item) -> ItemReport:
    try:
        return await handler.post_process(context, item, await handler.prepare(context, item))
    except RosterError as error:
        return ItemReport(item=item.label, error=redactor.clean(error.message))
    except Exception:
        logger.exception("an item of a pipeline failed")
        return ItemReport(item=item.label, error="failed because of an error in the skill; see the log")


def _counts(reports: Sequence[ItemReport]) -> dict[str, int]:
    failed = sum(bool(report.error) for report in reports)
    changed = sum(bool(report.updated) for report in reports)
    return {"total": len(reports), "changed": changed, "unchanged": len(reports) - changed - failed, "failed": failed}


def _summary(counts: Mapping[str, int]) -> str:
    if not counts["total"]:
        return "There is nothing to do: no item was found.\n"
    words = ", ".join(f"{counts[name]} {name}" for name in ("changed", "unchanged", "failed"))
    return f"\n{counts['total']} in all: {words}.\n"


def _value(value: object) -> str:
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)


def _cell(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _LONGEST_CELL * 2 else f"{flat[: _LONGEST_CELL * 2]}..."
