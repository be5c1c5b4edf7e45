"""`Tool`: one function a model or a slash command can call, and what comes of a call."""

import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from agentroster.errors import ToolFailed
from agentroster.json_schema import Schema
from agentroster.logs import redactor
from agentroster.skills.context import SkillContext
from agentroster.skills.manifest import Command, Limits
from agentroster.skills.status_line import plain_line, status_line

logger = logging.getLogger(__name__)

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

    def error(self, arguments: Mapping[str, object]) -> str | None:
        """Return what is wrong with the arguments first, or None. Blocks: for tests of a skill."""
        return next(map(str, self.input.errors(arguments)), None)


async def require_fitting(schema: Mapping[str, Any], value: object, name: str, withheld: str) -> None:
    """Raise ToolFailed with the sentence `withheld` unless the value fits; what `name` breaks stands in the log."""
    errors = await Schema(schema).check(value)
    for error in errors:
        # What was returned may be anybody's: where it is and what it breaks is enough to find the error.
        where = error.path.encode("unicode_escape").decode() or "the whole"
        logger.error("%s does not fit its output_schema: %s breaks `%s`", name, where, error.keyword)
    if errors:
        raise ToolFailed(withheld)


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

    @classmethod
    def of_failure(cls, message: str, *, needs: str = "") -> "ToolOutcome":
        """Return a failure in words."""
        text = json.dumps({"error": redactor.clean(message)}, ensure_ascii=False)
        return cls(text, failed=True, needs=needs)
