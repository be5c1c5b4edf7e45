"""`Tool`: one function a model or a slash command can call, and the one way to call it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, cast

from agentroster.errors import CredentialMissing, RosterError, ToolFailed
from agentroster.json_schema import Schema
from agentroster.logs import redactor
from agentroster.skills.context import SkillContext
from agentroster.skills.manifest import Command, Limits
from agentroster.skills.status_line import plain_line, status_line

logger = logging.getLogger(__name__)

_BROKEN = "{} failed because of an error in the skill; the operator finds it in the log."

Json = object
"""Any value that `json.dumps` accepts."""


class ToolFunction(Protocol):
    """What `handler.py` defines for a tool."""

    def __call__(self, context: SkillContext, /, **arguments: Any) -> Awaitable[Json]:
        """Do the work and return something that `json.dumps` accepts."""
        ...


class Execute(Protocol):
    """The one function of a `handler.py` that has no function for each tool."""

    def __call__(self, context: SkillContext, tool_name: str, arguments: Mapping[str, Any], /) -> Awaitable[Json]:
        """Do the work of the named tool."""
        ...


@dataclass(frozen=True, slots=True)
class ExecutedTool:
    """A tool's function where `handler.py` has only `execute`."""

    execute: Execute
    name: str

    async def __call__(self, context: SkillContext, /, **arguments: Any) -> Json:
        """Do the work."""
        return await self.execute(context, self.name, arguments)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function with a name, a JSON Schema for its arguments, and bounds.

    `shows_items`: what it shows is for the person also when a model called it.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    function: ToolFunction
    output_schema: dict[str, Any] | None = None
    limits: Limits = field(default_factory=Limits)
    command: Command | None = None
    writes: bool = False
    status: str = ""
    shows_items: bool = False

    def line(self, arguments: Mapping[str, object]) -> str:
        """Return what a person reads while the tool works."""
        return status_line(self.status, arguments) if self.status else plain_line(self.name, arguments)

    @cached_property
    def input(self) -> Schema:
        """What the arguments must fit."""
        return Schema(self.parameters)

    def complaint(self, arguments: Mapping[str, object]) -> str | None:
        """Return what is wrong with the arguments first, or None. Blocks: for tests of a skill."""
        return next(map(str, self.input.complaints(arguments)), None)


async def require_fitting(schema: Mapping[str, Any] | None, value: object, place: str) -> None:
    """Raise ToolFailed, in words without the value, and name the place in the log, unless the value fits."""
    complaints = await Schema(schema).check(value) if schema is not None else []
    for complaint in complaints:
        # What was returned may be anybody's: where it is and what it breaks is enough to find the error.
        where = complaint.place.encode("unicode_escape").decode() or "the whole"
        logger.error("%s does not fit its output_schema: %s breaks `%s`", place, where, complaint.keyword)
    if complaints:
        raise ToolFailed(
            f"{place} is not what the skill declares, so it is withheld; whatever was done stays done. "
            "The operator finds the place in the log."
        )


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of a call: JSON text, always, also for a failure (`{"error": ...}`).

    `needs` names the provider whose account the caller must connect first. `refused` is what the skill was refused and
    does not say itself: it is told to the person.
    """

    text: str
    failed: bool = False
    needs: str = ""
    refused: tuple[str, ...] = ()


async def call_tool(tool: Tool, context: SkillContext, arguments: Mapping[str, object]) -> ToolOutcome:
    """Call a tool with checked arguments, within its time and size limits.

    Never raises but for cancellation: a failure is a clean sentence, without traceback, path or secret. The secrets of
    accounts it opens are forgotten at its end, and masked in whatever it returns.
    """
    complaints = await tool.input.check(arguments)
    if complaints:
        return _failed(f"Bad arguments for {tool.name}: {complaints[0]}")
    with redactor.watching():
        call = context.for_call(tool.name, may_write=tool.writes)
        outcome, ending = ToolOutcome("", failed=True), "cancelled"
        try:
            outcome = await _called(tool, call, arguments)
            ending = "failed" if outcome.failed else "ok"
        finally:
            call.close(ending)
        untold = tuple(call.call.untold(outcome.text))
    return replace(outcome, refused=untold) if untold else outcome


async def _called(tool: Tool, context: SkillContext, arguments: Mapping[str, object]) -> ToolOutcome:
    try:
        async with asyncio.timeout(tool.limits.seconds):
            value = await tool.function(context, **arguments)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if tool.output_schema is not None:
            # As the model will read it: a tuple is an array by then.
            await require_fitting(tool.output_schema, json.loads(text), f"The result of {tool.name}")
    except TimeoutError:
        return _failed(f"{tool.name} took longer than {tool.limits.seconds:.0f} seconds and was stopped.")
    except (RosterError, ExceptionGroup) as error:
        expected = _expected(error)
        if expected is None:
            logger.exception("tool %s failed", tool.name)
            return _failed(_BROKEN.format(tool.name))
        needs = expected.provider if isinstance(expected, CredentialMissing) else ""
        return replace(_failed(expected.message), needs=needs)
    except Exception:
        logger.exception("tool %s failed", tool.name)
        return _failed(_BROKEN.format(tool.name))
    return ToolOutcome(_capped(redactor.clean(text), tool.limits.result_characters))


def _expected(error: Exception) -> RosterError | None:
    """Return the error that was raised on purpose, also out of a group of tasks."""
    if isinstance(error, ExceptionGroup):
        members = cast("ExceptionGroup[Exception]", error).exceptions
        return next((found for member in members if (found := _expected(member)) is not None), None)
    return error if isinstance(error, RosterError) else None


def _failed(message: str) -> ToolOutcome:
    return ToolOutcome(json.dumps({"error": redactor.clean(message)}, ensure_ascii=False), failed=True)


def _capped(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return json.dumps({"truncated": True, "characters": len(text), "beginning": text[:most]}, ensure_ascii=False)
