"""Wraps every toolset: checked arguments, refusal notes, limits of size and time, no secrets, clean errors."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from agentroster.errors import CredentialMissing, RosterError
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.skills.earlier_keys import with_declared_targets
from agentroster.skills.guard import noting, unreported
from agentroster.skills.tools import Tool, ToolOutcome
from agentroster.skills.toolset import Audience, Toolset, Wrapper

logger = logging.getLogger(__name__)


def guarded(toolset: Toolset) -> Toolset:
    """Return a toolset whose calls never raise but for cancellation.

    A failure is a clean sentence, without traceback, path or secret. The secrets of accounts it opens are forgotten at
    its end, and masked in whatever it returns.
    """
    return CheckedArguments(RefusalNotes(SizeLimit(Redacted(CleanErrors(TimeLimit(toolset))))))


class CheckedArguments(Wrapper):
    """Calls a tool only with arguments that fit its schema."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the first thing that does not fit, or what the call returns."""
        arguments = with_declared_targets(arguments, tool.parameters)
        errors = await tool.input.check(arguments)
        if errors:
            return ToolOutcome.of_failure(say("skills.bad_arguments", tool=tool.name, error=errors[0]))
        return await self._wrapped.call(tool, arguments, audience)


class RefusalNotes(Wrapper):
    """Adds what a tool was refused and does not say itself: it is told to the person."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the outcome with the refusals that its text leaves out."""
        with noting() as refusals:
            outcome = await self._wrapped.call(tool, arguments, audience)
        return replace(outcome, refused=tuple(unreported(refusals, outcome.text))) if refusals else outcome


class Redacted(Wrapper):
    """Masks the secrets that become known during a call, in all that the person and the model read of it."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the outcome without secrets."""

        async def show(text: str) -> None:
            await audience.show(redactor.clean(text))

        def tell(text: str, title: str = "") -> None:
            audience.tell(redactor.clean(text), title)

        with redactor.watching():
            outcome = await self._wrapped.call(tool, arguments, replace(audience, show=show, tell=tell))
            return replace(outcome, text=redactor.clean(outcome.text))


class SizeLimit(Wrapper):
    """Cuts a result that is longer than the tool's limit."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the outcome, or its beginning."""
        outcome = await self._wrapped.call(tool, arguments, audience)
        text, max_characters = outcome.text, tool.limits.result_characters
        if outcome.failed or len(text) <= max_characters:
            return outcome
        cut = {"truncated": True, "characters": len(text), "beginning": text[:max_characters]}
        return replace(outcome, text=json.dumps(cut, ensure_ascii=False))


class TimeLimit(Wrapper):
    """Stops a tool that takes longer than its limit."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the outcome, or that it took too long."""
        deadline = asyncio.timeout(tool.limits.seconds)
        try:
            async with deadline:
                return await self._wrapped.call(tool, arguments, audience)
        except TimeoutError:
            if not deadline.expired():
                raise
            return ToolOutcome.of_failure(say("skills.tool_too_slow", tool=tool.name, seconds=tool.limits.seconds))


class CleanErrors(Wrapper):
    """Makes a sentence of whatever a tool raises; what nobody foresaw is in the log only."""

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Return the outcome, also of a failure."""
        try:
            return await self._wrapped.call(tool, arguments, audience)
        except Exception as error:
            expected = _expected(error)
            if expected is None:
                logger.exception("tool %s failed", tool.name)
                return ToolOutcome.of_failure(say("skills.tool_failed", tool=tool.name))
            needs = expected.provider if isinstance(expected, CredentialMissing) else ""
            return ToolOutcome.of_failure(expected.message, needs=needs)


def _expected(error: Exception) -> RosterError | None:
    """Return the error that was raised on purpose, also out of a group of tasks."""
    if isinstance(error, ExceptionGroup):
        members = cast("ExceptionGroup[Exception]", error).exceptions
        return next((found for member in members if (found := _expected(member)) is not None), None)
    return error if isinstance(error, RosterError) else None
