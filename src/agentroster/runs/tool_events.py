"""Emits the events of a tool call: begun, so far, done."""

import json
from collections.abc import Mapping
from uuid import uuid4

from agentroster.logs import redactor
from agentroster.runs.chat import Emit, ToolFinished, ToolProgress, ToolStarted
from agentroster.skills.context import Progress, Show, show_nothing
from agentroster.skills.tools import Tool, ToolOutcome
from agentroster.skills.toolset import Audience, Toolset


async def followed_call(
    toolset: Toolset,
    tool: Tool,
    arguments: Mapping[str, object],
    emit: Emit,
    *,
    show: Show = show_nothing,
    call_id: str = "",
) -> ToolOutcome:
    """Call a tool, and emit what happens."""
    call_id = call_id or f"call_{uuid4().hex[:24]}"
    line = redactor.clean(tool.line(arguments))
    emit(ToolStarted(call_id, tool.name, line))
    outcome = await toolset.call(tool, arguments, Audience(show, progress_of(call_id, line, emit)))
    # A missing account is no failure: the answer goes on with the link to connect it.
    failed = outcome.failed and not outcome.needs
    emit(ToolFinished(call_id, tool.name, failed, arguments, outcome.text))
    return outcome


def refused_call(tool: Tool, reason: str, emit: Emit, call_id: str) -> str:
    """Return what the model reads of a call that must not run, and emit that it failed."""
    text = json.dumps({"error": reason}, ensure_ascii=False)
    emit(ToolStarted(call_id, tool.name, redactor.clean(tool.line({}))))
    emit(ToolFinished(call_id, tool.name, failed=True, result=redactor.clean(text)))
    return text


def progress_of(call_id: str, line: str, emit: Emit) -> Progress:
    """Return what a tool calls with its counts."""
    return lambda done, total: emit(ToolProgress(call_id, line, done, total))
