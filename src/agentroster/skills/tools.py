"""`Tool`: one function a model or a slash command can call, and the one way to call it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agentroster.errors import CredentialMissing, RosterError
from agentroster.logs import redactor
from agentroster.skills.context import SkillContext
from agentroster.skills.manifest import Command, Limits
from agentroster.skills.status_line import plain_line, status_line

logger = logging.getLogger(__name__)

_MOST_COMPLAINTS = 20
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
    limits: Limits = field(default_factory=Limits)
    command: Command | None = None
    writes: bool = False
    status: str = ""
    shows_items: bool = False

    def line(self, arguments: Mapping[str, object]) -> str:
        """Return what a person reads while the tool works."""
        return status_line(self.status, arguments) if self.status else plain_line(self.name, arguments)

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.parameters)

    def complaint(self, arguments: Mapping[str, object]) -> str | None:
        """Return what is wrong with the arguments first, or None."""
        return next(iter(self.complaints(arguments)), None)

    def complaints(self, arguments: Mapping[str, object]) -> list[str]:
        """Return all that is wrong with the arguments, place by place."""
        errors = sorted(self._validator.iter_errors(cast("Any", arguments)), key=str)  # pyright: ignore[reportUnknownMemberType] - jsonschema's own annotation is partial
        return [_complaint(error) for error in errors[:_MOST_COMPLAINTS]]


def _complaint(error: ValidationError) -> str:
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}" if place else error.message


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of a call: JSON text, always, also for a failure (`{"error": ...}`).

    `needs` names the provider whose account the caller must connect first.
    """

    text: str
    failed: bool = False
    needs: str = ""


async def call_tool(tool: Tool, context: SkillContext, arguments: Mapping[str, object]) -> ToolOutcome:
    """Call a tool with checked arguments, within its time and size limits.

    Never raises but for cancellation: a failure is a clean sentence, without traceback, path or secret. The secrets of
    accounts it opens are forgotten at its end, and masked in whatever it returns.
    """
    complaint = tool.complaint(arguments)
    if complaint is not None:
        return _failed(f"Bad arguments for {tool.name}: {complaint}")
    with redactor.watching():
        call = context.for_call(tool.name, may_write=tool.writes)
        outcome, ending = ToolOutcome("", failed=True), "cancelled"
        try:
            outcome = await _called(tool, call, arguments)
            ending = "failed" if outcome.failed else "ok"
        finally:
            call.accounts.close(ending)
    return outcome


async def _called(tool: Tool, context: SkillContext, arguments: Mapping[str, object]) -> ToolOutcome:
    try:
        async with asyncio.timeout(tool.limits.seconds):
            value = await tool.function(context, **arguments)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
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
