"""Takes back a whole run, model by model, as a run of its own."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.applying import undo
from agentroster.errors import NotFound, RosterError
from agentroster.library.library import Library, ModelFile
from agentroster.library.sidecar import Sidecar
from agentroster.messages import say
from agentroster.skills.context import SkillContext
from agentroster.skills.field_names import field_name
from agentroster.skills.past_runs import PastRun
from agentroster.skills.pipeline import ItemReport, Selection


@dataclass(frozen=True, slots=True)
class UndoItem:
    """A model in whose sidecar a run wrote something, and what."""

    label: str
    model: ModelFile
    written: Mapping[str, Any]
    run: PastRun
    is_rehearsed: bool = False


async def select(context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
    """Return the models that the run wrote to, of those that are named. Raises NotFound for a run nobody knows."""
    run = await asyncio.to_thread(context.past_runs.find, arguments["undo"])
    if run is None or run.is_at_work:
        raise NotFound(say("enrich.undo_no_run"))
    named = None if "everything" in arguments["targets"] else frozenset(arguments["targets"])
    items, refused = await asyncio.to_thread(items_of, run, context.library)
    is_rehearsed = arguments.get("dry_run") is True
    wanted = [replace(item, is_rehearsed=is_rehearsed) for item in items if named is None or item.label in named]
    return Selection(wanted, [report for report in refused if named is None or report.item in named])


def items_of(run: PastRun, library: Library) -> tuple[list[UndoItem], list[ItemReport]]:
    """Return the models that a run wrote to, and a report for each that is not there any more."""
    found: list[UndoItem] = []
    refused: list[ItemReport] = []
    for name, written in _written(run):
        try:
            [model] = [model for model in library.find(name) if model.name == name] or [None]
        except RosterError as error:
            refused.append(ItemReport(item=name, error=error.message.rstrip(".")))
            continue
        if model is None:
            refused.append(ItemReport(item=name, error=say("enrich.undo_gone")))
        else:
            found.append(UndoItem(name, model, written, run))
    return found, refused


async def take_back(context: SkillContext, item: UndoItem) -> ItemReport:
    """Take back what the run wrote into one sidecar, under its lock."""
    undone = undo.Undone()

    def change(sidecar: Sidecar) -> bool:
        nonlocal undone
        undone = undo.revert(sidecar, item.written, item.run)
        return bool(undone.taken)

    await asyncio.to_thread(context.sidecars.update, item.model, change)
    taken = {say("enrich.undo_taken"): list(map(field_name, undone.taken))} if undone.taken else {}
    if item.is_rehearsed:
        return ItemReport(
            item=item.label, found=taken, kept=undone.kept, notes={"dry run": say("skills.nothing_written")}
        )
    return ItemReport(item=item.label, updated=taken, kept=undone.kept)


def _written(run: PastRun) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for report in run.items:
        if fields := undo.fields_of(report):
            yield str(report.get("item", "")), fields
