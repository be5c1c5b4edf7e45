"""A tool call as a person follows it: begun, so far, done."""

from collections.abc import Mapping
from uuid import uuid4

from agentroster.agents.chat import Emit, ToolFinished, ToolProgress, ToolStarted
from agentroster.logs import redactor
from agentroster.skills.context import Progress, SkillContext
from agentroster.skills.tools import Tool, ToolOutcome, call_tool


async def shown_call(
    tool: Tool, context: SkillContext, arguments: Mapping[str, object], emit: Emit, call_id: str = ""
) -> ToolOutcome:
    """Call a tool as `call_tool` does, and emit what happens."""
    call_id = call_id or f"call_{uuid4().hex[:24]}"
    line = redactor.clean(tool.line(arguments))
    emit(ToolStarted(call_id, tool.name, line))
    outcome = await call_tool(tool, context.reporting(progress_of(call_id, line, emit)), arguments)
    emit(ToolFinished(call_id, tool.name, outcome.failed, arguments, outcome.text))
    return outcome


def progress_of(call_id: str, line: str, emit: Emit) -> Progress:
    """Return what a tool calls with its counts."""
    return lambda done, total: emit(ToolProgress(call_id, line, done, total))
