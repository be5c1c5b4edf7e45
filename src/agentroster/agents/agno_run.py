"""The border to Agno's agents: build a fresh one, run it, translate its events."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast
from uuid import uuid4

from agno.agent import Agent
from agno.run.agent import (
    RunContentEvent,
    RunErrorEvent,
    RunPausedEvent,
    ToolCallCompletedEvent,
    ToolCallStartedEvent,
)
from agno.tools.function import Function

from agentroster.agents.agno_model import BackendModel, input_messages
from agentroster.agents.chat import ChatRequest, Emit, Text, Thinking, ToolFinished, ToolStarted
from agentroster.agents.meter import Meter
from agentroster.agents.spec import AgentContext, AgentSpec
from agentroster.errors import RosterError
from agentroster.llm.backend import ModelChoice
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill
from agentroster.skills.tools import Tool, call_tool

logger = logging.getLogger(__name__)

SkillFinder = Callable[[str], tuple[Skill, SkillContext]]


async def run_agno(
    spec: AgentSpec,
    request: ChatRequest,
    choice: ModelChoice,
    *,
    meter: Meter,
    find_skill: SkillFinder,
    session_id: str,
    emit: Emit,
) -> None:
    """Run one request through a fresh agent, emitting what happens.

    Raises the failure of the model call that ended the run, with its real status.
    """
    model = BackendModel(id=choice.name, choice=choice, meter=meter, params=request.params, stream=request.stream)
    failed: set[str] = set()
    agent = _agent(spec, request, model, find_skill, failed)
    events = cast(
        "AsyncIterator[object]",
        agent.arun(
            input_messages(request.conversation),
            stream=True,
            stream_events=True,
            user_id=request.caller.user,
            session_id=session_id,
            run_id=uuid4().hex,
        ),
    )
    async with aclosing(cast("Any", events)):
        async for event in events:
            _translate(event, emit, failed)
            if isinstance(event, RunErrorEvent):
                raise _failure(event, meter, spec)


def _agent(
    spec: AgentSpec, request: ChatRequest, model: BackendModel, find_skill: SkillFinder, failed: set[str]
) -> Agent:
    def functions(*names: str) -> list[Function]:
        found = [find_skill(name) for name in names]
        return [_function(tool, context, failed) for skill, context in found for tool in skill.tools]

    if spec.factory is not None:
        agent = spec.factory(AgentContext(caller=request.caller, model=model, tools=functions))
    else:
        fragments = [spec.instructions, *(find_skill(name)[0].instructions for name in spec.skills)]
        agent = Agent(
            name=spec.name,
            model=model,
            instructions="\n\n".join(fragment for fragment in fragments if fragment),
            tools=cast("Any", functions(*spec.skills)),
        )
    _secure(agent, request.system)
    return agent


def _secure(agent: Agent, client_system: str) -> None:
    """Set what every agent of ours must have, whoever built it, and merge the client's system message."""
    agent.db = None
    agent.telemetry = False
    # Otherwise Agno would fill "{name}" in texts of users from its own state.
    agent.resolve_in_context = False
    agent.cache_callables = False
    agent.retries = 0
    agent.markdown = False
    if not client_system:
        return
    if isinstance(agent.system_message, str):
        agent.system_message = f"{agent.system_message}\n\n{client_system}"
    else:
        agent.additional_context = "\n\n".join(filter(None, (agent.additional_context, client_system)))


def _function(tool: Tool, context: SkillContext, failed: set[str]) -> Function:
    async def call(fc: Any = None, **arguments: Any) -> str:
        outcome = await call_tool(tool, context, arguments)
        if outcome.failed and fc is not None and fc.call_id:
            failed.add(fc.call_id)
        return outcome.text

    return Function(
        name=tool.name,
        description=tool.description,
        parameters=tool.parameters,
        entrypoint=call,
        skip_entrypoint_processing=True,
    )


def _translate(event: object, emit: Emit, failed: Sequence[str] | set[str]) -> None:
    if isinstance(event, RunContentEvent):
        if event.reasoning_content:
            emit(Thinking(event.reasoning_content))
        if isinstance(event.content, str) and event.content:
            emit(Text(event.content))
    elif isinstance(event, ToolCallStartedEvent) and event.tool is not None:
        emit(ToolStarted(event.tool.tool_call_id or "", event.tool.tool_name or ""))
    elif isinstance(event, ToolCallCompletedEvent) and event.tool is not None:
        call_id = event.tool.tool_call_id or ""
        emit(ToolFinished(call_id, event.tool.tool_name or "", failed=bool(event.tool.tool_call_error) or call_id in failed))
    elif isinstance(event, RunPausedEvent):
        emit(Text("\n\nThis step needs a confirmation, which this agent cannot ask for yet. Nothing was done.\n"))


def _failure(event: RunErrorEvent, meter: Meter, spec: AgentSpec) -> RosterError:
    if isinstance(meter.failure, RosterError):
        return meter.failure
    # Agno's text may hold anything an exception held: it goes to the log, redacted, and not to the client.
    logger.error("agent %s failed: %s", spec.name, event.content, exc_info=meter.failure)
    return RosterError(f"The agent {spec.name} failed because of an error of its own; the operator finds it in the log.")
