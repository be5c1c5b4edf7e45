"""Writes fields into a model's sidecar where nothing stands yet: what a person set stays."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from agentroster.errors import LeftAlone, ToolFailed
from agentroster.json_values import is_object
from agentroster.messages import say
from agentroster.skills.context import SkillContext

T = TypeVar("T")

_EMPTY: tuple[object, ...] = (None, "", "Unknown", [], {}, "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was written, what was not because it may not be, and what was kept and why; by field."""

    written: Mapping[str, object] = field(default_factory=dict[str, object])
    unwritten: Mapping[str, object] = field(default_factory=dict[str, object])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


def require_not_excluded(sidecar: Mapping[str, object] | None) -> None:
    """Raise LeftAlone when a sidecar asks to leave its model alone."""
    if sidecar and (sidecar.get("exclude") is True or sidecar.get("skip_metadata_refresh") is True):
        raise LeftAlone(say("skills.sidecar_excludes"))


async def fill(context: SkillContext, model: Any, fields: Mapping[str, object]) -> Filled:
    """Write fields into the sidecar of a model, which is made from the file where there is none.

    An object is filled field by field. Raises ToolFailed for a value that is no JSON, and for a damaged sidecar.
    """
    try:
        wanted = cast("dict[str, object]", json.loads(json.dumps(dict(fields), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolFailed(say("skills.returned_no_json")) from error
    refusal: str = context.sidecars.refusal
    if refusal:
        return Filled(unwritten=wanted, notes={"nothing written": refusal})
    return await in_stoppable_thread(_filled, context, model, wanted)


async def in_stoppable_thread(work: Callable[..., T], *arguments: object) -> T:
    """Run `work(*arguments, stopped)` in a thread; `stopped()` turns true when the run ends or is cancelled."""
    stopped = threading.Event()
    try:
        return await asyncio.to_thread(work, *arguments, stopped.is_set)
    finally:
        # A cancelled run leaves its thread behind: it must stop hashing and write nothing.
        stopped.set()


def _filled(context: SkillContext, model: Any, wanted: Mapping[str, object], stopped: Callable[[], bool]) -> Filled:
    written: dict[str, object] = {}
    kept: dict[str, str] = {}

    def change(sidecar: dict[str, object]) -> bool:
        written.clear()
        kept.clear()
        if stopped():
            return False
        _fill(sidecar, wanted, "", written, kept)
        return bool(written)

    if context.sidecars.read(model) is None:
        context.sidecars.create(model, stopped)
    context.sidecars.update(model, change)
    return Filled(written=written, kept=kept)


def _fill(
    target: dict[str, object],
    wanted: Mapping[str, object],
    above: str,
    written: dict[str, object],
    kept: dict[str, str],
) -> None:
    for name, value in wanted.items():
        current, shown = target.get(name), f"{above}{name}"
        if _is_empty(value):
            continue
        if isinstance(current, dict) and isinstance(value, dict):
            inner = cast("dict[str, object]", current)
            _fill(inner, cast("dict[str, object]", value), f"{shown}.", written, kept)
        elif _is_empty(cast("object", current)):
            target[name] = written[shown] = value
        elif current != value:
            kept[shown] = say("skills.already_set")


def _is_empty(value: object) -> bool:
    return all(map(_is_empty, value.values())) if is_object(value) else value in _EMPTY
