"""Emits the events of a tool call: begun, so far, done."""

import json
from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from agentroster.logs import redactor
from agentroster.runs.chat import Emit, Folded, Text, ToolFinished, ToolPicture, ToolProgress, ToolStarted, ToolStatus
from agentroster.skills.tools import Tool, ToolOutcome
from agentroster.skills.toolset import Audience, Toolset


async def followed_call(
    toolset: Toolset,
    tool: Tool,
    arguments: Mapping[str, object],
    emit: Emit,
    *,
    audience: Audience = Audience(),  # noqa: B008 - it is frozen
    call_id: str = "",
) -> ToolOutcome:
    """Call a tool and emit its events; the audience is told and shown what the tool has to say. Returns its outcome."""
    call_id = call_id or f"call_{uuid4().hex[:24]}"
    line = redactor.clean(tool.line(arguments))
    emit(ToolStarted(call_id, tool.name, line))

    def progress(done: int, total: int, needs: int = 0) -> None:
        emit(ToolProgress(call_id, line, done, total, needs))

    def status(text: str) -> None:
        emit(ToolStatus(call_id, redactor.clean(text)))

    def picture(alt: str, data: bytes, media_type: str = "image/png") -> None:
        emit(ToolPicture(redactor.clean(alt), media_type, data))

    audience = replace(audience, picture=picture, progress=progress, status=status)
    outcome = await toolset.call(tool, arguments, audience)
    # A missing account is no failure: the answer goes on with the link to connect it.
    failed = outcome.failed and not outcome.needs
    emit(ToolFinished(call_id, tool.name, failed, arguments, outcome.text))
    return outcome


def told(text: str, title: str) -> Text | Folded:
    """Return the event of what a tool tells the person."""
    return Folded(title, text) if title else Text(text)


def refused_call(tool: Tool, reason: str, emit: Emit, call_id: str) -> str:
    """Emit that a call failed that must not run; return what the model reads of it."""
    text = json.dumps({"error": reason}, ensure_ascii=False)
    emit(ToolStarted(call_id, tool.name, redactor.clean(tool.line({}))))
    emit(ToolFinished(call_id, tool.name, failed=True, result=redactor.clean(text)))
    return text
