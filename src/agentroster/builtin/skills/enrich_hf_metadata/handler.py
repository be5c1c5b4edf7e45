"""Runs the pipeline: find the card of each model, read what it states, ask about the rest, fill what is missing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.applying import merge, undo_run
from agentroster.builtin.skills.enrich_hf_metadata.applying.merge import FILL_ONLY, MergePolicy
from agentroster.builtin.skills.enrich_hf_metadata.applying.picture_cache import PictureCache
from agentroster.builtin.skills.enrich_hf_metadata.applying.previews import Preview, download, make_preview
from agentroster.builtin.skills.enrich_hf_metadata.applying.undo_run import UndoItem
from agentroster.builtin.skills.enrich_hf_metadata.asking import questions
from agentroster.builtin.skills.enrich_hf_metadata.asking.questions import Prepared, origins_of
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import extract
from agentroster.builtin.skills.enrich_hf_metadata.deciding.header_rules import thumbnail
from agentroster.builtin.skills.enrich_hf_metadata.deciding.lineage import with_base_of_base
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card
from agentroster.builtin.skills.enrich_hf_metadata.reading.card_cache import CachedCard, CardCache, in_reader
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import Hub, HubRef, RepositoryFacts, parse_url
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.builtin.skills.enrich_hf_metadata.understanding import message, targets, written
from agentroster.errors import ToolFailed
from agentroster.library.gguf import gguf_metadata
from agentroster.library.header import header_metadata
from agentroster.library.library import ModelFile
from agentroster.library.peers import peers_of
from agentroster.library.sidecar import Sidecar
from agentroster.library.walk import LeftOut
from agentroster.messages import say
from agentroster.skills.context import SkillContext
from agentroster.skills.filling import in_stoppable_thread, require_not_excluded
from agentroster.skills.hub import waiting
from agentroster.skills.pipeline import ItemReport, Selection
from agentroster.skills.report import quoted
from agentroster.skills.understanding import Outcome

PROMPT_VARIABLES = ("fields",)
open_fields = questions.missing_fields
accept = questions.apply_answer


def understand(text: str, context: SkillContext) -> Outcome:
    """Return what a plain message asks for; reading it writes nothing."""
    return message.understand(text, context.library, context.sidecars, context.past_runs)


def understand_command(text: str, context: SkillContext) -> Outcome:
    """Return what the text after `/enrich` asks for; reading it writes nothing."""
    return message.understand_command(text, context.library, context.sidecars, context.past_runs)


def examples(context: SkillContext) -> list[str]:
    """Return commands for what is in the library."""
    return written.examples(context.library)


@dataclass(frozen=True, slots=True)
class EnrichItem:
    """One target, with the card cache and the merge policy of its run."""

    target: targets.Target
    cache: CardCache
    pictures: PictureCache
    policy: MergePolicy = FILL_ONLY
    is_rehearsed: bool = False

    @property
    def label(self) -> str:
        """The name of the model in the library, or the address."""
        return self.target.label


async def select(context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
    """Resolve the targets in a thread: a library may be large and its disk slow."""
    if "undo" in arguments:
        return await undo_run.select(context, arguments)
    if arguments.get("sample") is True:
        await asyncio.to_thread(context.samples.write)
    left_out = LeftOut()
    found, refused = await asyncio.to_thread(
        targets.resolve, arguments, context.library, context.hub_endpoint, left_out
    )
    cache = CardCache(Hub(context.http, context.hub_endpoint, waiting(context), context.hub_answers))
    overwrite = frozenset[str](arguments.get("overwrite", ()))
    policy = MergePolicy(overwrite=overwrite, refresh=arguments.get("refresh") is True)
    is_rehearsed = arguments.get("dry_run") is True
    pictures = PictureCache(lambda url: download(context, url))
    items = [EnrichItem(target, cache, pictures, policy, is_rehearsed) for target in found]
    return Selection(items, refused, left_out.told())


async def prepare(context: SkillContext, item: EnrichItem | UndoItem) -> Prepared | None:
    """Fetch the card and read it, and the file's own header; None when neither address nor file says anything.

    Raises a RosterError in words when there is nothing to read.
    """
    if isinstance(item, UndoItem):
        require_not_excluded(await asyncio.to_thread(context.sidecars.read, item.model))
        return None
    model = item.target.model
    sidecar = await asyncio.to_thread(context.sidecars.read, model) if model else None
    require_not_excluded(sidecar)
    ref = item.target.source or parse_url(_text(sidecar, "hf_url"), context.hub_endpoint)
    cached = CachedCard(Card({}, ""), RepositoryFacts())
    # What is complete needs nothing that the hub could say.
    if ref and not (item.policy == FILL_ONLY and sidecar and merge.is_complete(sidecar)):
        cached = await item.cache.get(ref, model.path.name if model else "")
    ref = ref or HubRef("")
    source = Source(
        card=cached.card,
        facts=cached.facts,
        repo=ref.repo,
        file_name=model.path.name if model else ref.file.rsplit("/", 1)[-1],
        header=await asyncio.to_thread(_metadata, model.path) if model else {},
        peers=await asyncio.to_thread(peers_of, model.path) if model else (),
        model_type=_text(sidecar, "model_type"),
        revision=ref.revision or "main",
        folder=cached.folder,
    )
    found = await in_reader(extract, source)
    if not found.base_model and ref.repo:
        found = await with_base_of_base(item.cache, found, context.hub_endpoint)
    # A new sidecar keeps other programs from looking at theirs: it is made only with a base model in it.
    is_worse_than_none = sidecar is None and bool(source.peers) and not found.base_model
    has_picture = sidecar is not None and bool(thumbnail(source.header))
    if not ref.repo and (is_worse_than_none or not (found.says_anything or has_picture)):
        return None
    return await in_reader(Prepared.of, found, source, sidecar)


async def post_process(context: SkillContext, item: EnrichItem | UndoItem, prepared: Prepared | None) -> ItemReport:
    """Write what is missing, or take back what a run wrote; for a bare address only say what would be."""
    if isinstance(item, UndoItem):
        return await undo_run.take_back(context, item)
    model = item.target.model
    if model is None:
        return _read_out(item, prepared) if prepared else ItemReport(item=item.label, error=say("enrich.no_address"))
    if prepared is None:
        # No sidecar is made: where there is none, other programs still look for themselves.
        return _rehearsed(item, _without_address(ItemReport(item=item.label)))
    made = await _made_sidecar(context, model)
    preview = await _preview(context, item, model, prepared)
    result = merge.Merge()

    def change(sidecar: Sidecar) -> bool:
        nonlocal result
        result = merge.apply(sidecar, prepared.found, preview, item.policy, origins_of(prepared))
        if item.target.source and not sidecar.get("hf_url"):
            # The person named the address: kept, so that the next run needs no reminder.
            sidecar["hf_url"] = item.target.source.url
            result.updated["hf_url"] = item.target.source.url
        return bool(result.updated)

    await asyncio.to_thread(context.sidecars.update, model, change)
    report = _report(item, prepared, result)
    return _rehearsed(item, replace(report, updated={**made, **report.updated}))


async def _preview(context: SkillContext, item: EnrichItem, model: ModelFile, prepared: Prepared) -> Preview | None:
    """Write what the card shows, else the picture in the file's own header; None where neither could have any."""
    found, embedded = prepared.found, thumbnail(prepared.source.header)
    if not prepared.source.repo and not embedded:
        return None
    url = found.preview_url or found.video_url
    return await make_preview(context, model, item.pictures, url, found.uncertain, embedded)


def _report(item: EnrichItem, prepared: Prepared, result: merge.Merge) -> ItemReport:
    origins = origins_of(prepared)
    report = ItemReport(
        item=item.label,
        updated=dict(merge.render(result)),
        kept=result.kept,
        missing=result.missing,
        notes=questions.notes(prepared),
        provenance={name: origins.of(name) for name in result.written},
    )
    # There is no card that could have said it.
    return _without_address(report) if result.missing and not prepared.source.repo else report


def _without_address(report: ItemReport) -> ItemReport:
    """Return the report of a model of which nobody knows where it comes from; it needs a person if nothing was set."""
    name = quoted(report.item)
    missing = {"card": say("enrich.no_address_known", name=name)}
    ask = "" if report.updated or report.kept else say("enrich.ask_address", name=name)
    return replace(report, missing=missing, ask=ask, why=say("enrich.no_address_yet"))


def _rehearsed(item: EnrichItem, report: ItemReport) -> ItemReport:
    """Return the report as it is for a dry run: what would be set was not set."""
    if not item.is_rehearsed:
        return report
    notes = {**report.notes, "dry run": say("skills.nothing_written")}
    return replace(report, found=report.updated, updated={}, notes=notes)


def _read_out(item: EnrichItem, prepared: Prepared) -> ItemReport:
    report = _report(item, prepared, merge.apply({}, prepared.found))
    return replace(report, found=report.updated, updated={}, kept={"nothing written": say("enrich.only_read")})


async def _made_sidecar(context: SkillContext, model: ModelFile) -> dict[str, object]:
    if await asyncio.to_thread(context.sidecars.read, model) is not None:
        return {}
    await in_stoppable_thread(context.sidecars.create, model)
    return {"sidecar": say("enrich.sidecar_made")}


def _metadata(path: Path) -> dict[str, str]:
    """Return what a file says of itself. Raises ToolFailed when it cannot be read."""
    try:
        return header_metadata(path) or gguf_metadata(path)
    except OSError as error:
        raise ToolFailed(say("library.model_unreadable", reason=error.strerror)) from error


def _text(sidecar: Sidecar | None, key: str) -> str:
    value = sidecar.get(key) if sidecar else None
    return value if isinstance(value, str) else ""
