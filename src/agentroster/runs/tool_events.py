"""Emits the events of a tool call: begun, so far, done."""

import json
from collections.abc import Mapping
from uuid import uuid4

from agentroster.logs import redactor
from agentroster.runs.chat import Emit, ToolFinished, ToolProgress, ToolStarted, ToolStatus
from agentroster.skills.context import Show, show_nothing
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
    """Call a tool and emit its events. Returns its outcome."""
    call_id = call_id or f"call_{uuid4().hex[:24]}"
    line = redactor.clean(tool.line(arguments))
    emit(ToolStarted(call_id, tool.name, line))
    audience = Audience(
        show,
        lambda done, total: emit(ToolProgress(call_id, line, done, total)),
        lambda status: emit(ToolStatus(call_id, redactor.clean(status))),
    )
    outcome = await toolset.call(tool, arguments, audience)
    # A missing account is no failure: the answer goes on with the link to connect it.
    failed = outcome.failed and not outcome.needs
    emit(ToolFinished(call_id, tool.name, failed, arguments, outcome.text))
    return outcome


def refused_call(tool: Tool, reason: str, emit: Emit, call_id: str) -> str:
    """Emit that a call failed that must not run; return what the model reads of it."""
    text = json.dumps({"error": reason}, ensure_ascii=False)
    emit(ToolStarted(call_id, tool.name, redactor.clean(tool.line({}))))
    emit(ToolFinished(call_id, tool.name, failed=True, result=redactor.clean(text)))
    return text
