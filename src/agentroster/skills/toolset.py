"""A toolset: tools that come from one place, and the way to call them. A skill is one; an MCP server is another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentroster.identity.caller import Caller
from agentroster.skills.context import (
    Progress,
    Show,
    ShowPicture,
    Tell,
    TellStatus,
    show_no_picture,
    show_nothing,
    tell_nobody,
    tell_nothing,
    without_status,
)
from agentroster.skills.tools import Tool, ToolOutcome


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows a call: `show` takes Markdown for the person, `progress` how many of how many items are done.

    `tell` takes Markdown too, without waiting, `picture` a picture, `status` a line about what the call waits for.
    """

    show: Show = show_nothing
    tell: Tell = tell_nothing
    picture: ShowPicture = show_no_picture
    progress: Progress = tell_nobody
    status: TellStatus = without_status


class Toolset(Protocol):
    """Tools may differ from caller to caller, and may have to be asked for."""

    async def tools(self, caller: Caller) -> Sequence[Tool]:
        """Return what this caller may call."""
        ...

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Call a tool. Never raises but for cancellation, once it is wrapped by `guarded`."""
        ...


class Wrapper:
    """A toolset around another: it changes what it has to, and passes on the rest."""

    def __init__(self, wrapped: Toolset) -> None:
        self._wrapped = wrapped

    async def tools(self, caller: Caller) -> Sequence[Tool]:
        """Return the tools of the wrapped toolset."""
        return await self._wrapped.tools(caller)

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Call a tool of the wrapped toolset."""
        return await self._wrapped.call(tool, arguments, audience)
