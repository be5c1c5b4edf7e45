"""Runs pipeline skills: the same steps for each of many items, and a report of what was done.

    understand -> select -> for each item: prepare -> ask a language model -> post_process -> one line of the report

A handler never calls a language model itself: it says what is undecided (`open_fields`) and checks what comes back
(`accept`), see `question.py`. Without a model, or without these two, that step is left out. Items run a few at a time;
while they do, a person sees counts: a page lays out the whole answer anew for each piece of text.
"""

import json
import logging
from asyncio import TaskGroup
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agentroster.errors import LeftAlone, RosterError, ToolFailed
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.skills.context import SkillContext
from agentroster.skills.guard import noting, unreported
from agentroster.skills.manifest import Manifest
from agentroster.skills.prompt import Prompt
from agentroster.skills.question import Asker, AskingHandler, FindModel
from agentroster.skills.report import ItemReport, quoted
from agentroster.skills.tally import Tally
from agentroster.skills.tools import Tool, require_fitting

logger = logging.getLogger(__name__)

_SEEN = "The person has seen these items as a list: sum up, do not repeat it."

__all__ = ["Item", "ItemReport", "Pipeline", "PipelineHandler", "Selection", "Watch", "pipeline_tool", "run_pipeline"]


class Item(Protocol):
    """One thing to work on; the handler chooses the type."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """The items to work on, a report for each wish that is refused, and what was left out, in words."""

    items: Sequence[Item]
    refused: Sequence[ItemReport] = ()
    left_out: Sequence[str] = ()


class Watch(Protocol):
    """Follows a pipeline from outside: it is told of each item, and knows which were done before."""

    def is_done(self, item: str) -> bool:
        """Whether this item was done in an earlier run of the same job."""
        ...

    async def selected(self, total: int) -> None:
        """Take the number of items."""
        ...

    async def finished(self, report: ItemReport) -> None:
        """Take the report of an item that is done."""
        ...

    def waits(self, line: str) -> None:
        """Take a line about what the run waits for."""
        ...


class Unwatched:
    """Follows nothing."""

    def is_done(self, item: str) -> bool:  # noqa: ARG002
        """Nothing was done before."""
        return False

    async def selected(self, total: int) -> None:
        """Keep nothing."""

    async def finished(self, report: ItemReport) -> None:
        """Keep nothing."""

    def waits(self, line: str) -> None:
        """Keep nothing."""


@asynccontextmanager
async def _unwatched() -> AsyncGenerator[Watch]:
    yield Unwatched()


class PipelineHandler(Protocol):
    """What `handler.py` of a pipeline skill defines."""

    async def select(self, context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
        """Return the items that the arguments mean."""
        ...

    async def prepare(self, context: SkillContext, item: Any) -> Any:
        """Gather what is needed to decide about one item. Raises a RosterError to report it as failed."""
        ...

    async def post_process(self, context: SkillContext, item: Any, prepared: Any) -> ItemReport:
        """Apply what was decided and report it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline skill as it was loaded; `asking` is None when its handler asks no language model."""

    manifest: Manifest
    handler: PipelineHandler
    asking: tuple[AskingHandler, Prompt] | None = None

    def asker(self, find_model: FindModel) -> Asker | None:
        """Return what asks the model in one run, or None. Raises ToolFailed when a model is required and missing."""
        model = find_model() if self.asking or self.manifest.llm_required else None
        if model is None and self.manifest.llm_required:
            raise ToolFailed(say("skills.needs_model", title=self.manifest.title))
        return Asker(*self.asking, model) if self.asking and model else None


def pipeline_tool(pipeline: Pipeline, find_model: FindModel) -> Tool:
    """Return the pipeline as one tool; no handler of it is ever handed the model."""
    manifest = pipeline.manifest

    async def run(context: SkillContext, /, **arguments: Any) -> dict[str, object]:
        asker = pipeline.asker(find_model)
        async with (
            context.past_runs.recording(arguments) if "past_runs" in manifest.declared else _unwatched() as watch
        ):
            result = await run_pipeline(pipeline, context, arguments, asker, watch)
        return {**result, "note": _SEEN} if result["total"] else result

    return Tool(
        name=manifest.name.replace("-", "_"),
        description=manifest.description,
        parameters=manifest.input_schema or {},
        function=run,
        limits=manifest.limits,
        command=manifest.command,
        writes=True,
        status=manifest.status,
        shows_items=True,
    )


async def run_pipeline(
    pipeline: Pipeline,
    context: SkillContext,
    arguments: Mapping[str, Any],
    asker: Asker | None,
    watch: Watch | None = None,
) -> dict[str, object]:
    """Work through all items and tell at the end what came of them; return reports and counts.

    A run that is cut short tells what it has done. With the argument `dry_run` no sidecar and no preview is written,
    whatever the handler does.
    """
    watch = watch or Unwatched()
    context = context.rehearsing() if arguments.get("dry_run") is True else context
    selection = await pipeline.handler.select(context, arguments)
    total = len(selection.items) + len(selection.refused)
    tally = Tally(total, pipeline.manifest.limits.result_characters, left_out="; ".join(selection.left_out))
    await watch.selected(total)

    async def finish(report: ItemReport) -> None:
        tally.add(report)
        context.progress(tally.done, total, tally.needs)
        await watch.finished(report)

    left_out = "; ".join(selection.left_out)
    try:
        await _work_through(pipeline, context, selection, asker, watch, finish)
    finally:
        if tally.done or not total:
            aside = f"\n{say('skills.left_out', reasons=left_out)}\n" if left_out else ""
            context.tell(f"{tally.opened()}{aside}")
            context.tell(*reversed(tally.folded()))
    return {**tally.to_json(), **({"left_out": left_out} if left_out else {})}


async def _work_through(
    pipeline: Pipeline,
    context: SkillContext,
    selection: Selection,
    asker: Asker | None,
    watch: Watch,
    finish: Callable[[ItemReport], Awaitable[None]],
) -> None:
    for report in selection.refused:
        if not watch.is_done(report.item):
            await finish(report)
    queue = (item for item in selection.items if not watch.is_done(item.label))

    async def work() -> None:
        for item in queue:
            with noting() as refusals:
                report = await _one(pipeline, context, item, asker)
            await finish(_with_refusals(report, refusals))

    async with TaskGroup() as group:
        for _ in range(min(pipeline.manifest.limits.parallel_items, len(selection.items))):
            group.create_task(work())


async def _one(pipeline: Pipeline, context: SkillContext, item: Item, asker: Asker | None) -> ItemReport:
    handler = pipeline.handler
    try:
        prepared, trouble = await handler.prepare(context, item), ""
        if asker is not None:
            prepared, trouble = await asker.complete(prepared)
        report = await handler.post_process(context, item, prepared)
        if trouble:
            report = replace(report, notes={**report.notes, "language model": trouble})
        await _require_declared(pipeline.manifest, report)
    except LeftAlone as error:
        return ItemReport(item=item.label, error=redactor.clean(error.message), is_intended=True)
    except RosterError as error:
        error_text, again = redactor.clean(error.message), _again(pipeline.manifest, item.label)
        return ItemReport(item=item.label, error=error_text, ask=again)
    except Exception:
        logger.exception("an item of a pipeline failed")
        return ItemReport(item=item.label, error=say("skills.item_failed"), ask=_again(pipeline.manifest, item.label))
    return report


def _again(manifest: Manifest, label: str) -> str:
    """Return the command that tries one item again, where there is one."""
    command = manifest.command
    return f"/{command.name} {quoted(label)}" if command is not None and command.argument else ""


def _with_refusals(report: ItemReport, refusals: Sequence[str]) -> ItemReport:
    """Return a report that says what the skill was refused, also where the skill keeps silent about it."""
    if not refusals:
        return report
    silent = unreported(refusals, json.dumps(report.to_json(), ensure_ascii=False, default=str))
    return replace(report, notes={**report.notes, "refused": "; ".join(silent)}) if silent else report


async def _require_declared(manifest: Manifest, report: ItemReport) -> None:
    """Raise ToolFailed for a report that is not as the skill declares it: it is withheld, what was done stays done."""
    if not report.error and manifest.output_schema is not None:
        shown = json.loads(json.dumps(report.to_json()))
        withheld = say("skills.report_withheld", skill=manifest.name)
        await require_fitting(manifest.output_schema, shown, f"The report of an item of {manifest.name}", withheld)
