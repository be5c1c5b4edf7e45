"""Runs a fresh Agno agent, and translates its events."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from agno.agent import Agent
from agno.models.response import ToolExecution
from agno.run.agent import RunContentEvent, RunErrorEvent, RunPausedEvent, ToolCallCompletedEvent, ToolCallStartedEvent
from agno.tools.function import Function

from agentroster.agents.spec import AgentContext, AgentSpec
from agentroster.errors import RosterError
from agentroster.llm.backend import ModelChoice
from agentroster.logs import redactor
from agentroster.lru import LruDict
from agentroster.messages import say
from agentroster.runs.agno_model import BackendModel, input_messages
from agentroster.runs.chat import ChatRequest, Emit, Text, Thinking, ToolFinished, ToolStarted
from agentroster.runs.tool_events import followed_call, refused_call, told
from agentroster.runs.tool_turns import ToolCalls
from agentroster.runs.usage import RunUsage
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill
from agentroster.skills.skill_toolset import toolset_of
from agentroster.skills.status_line import plain_line
from agentroster.skills.tools import Tool
from agentroster.skills.toolset import Audience, Toolset

logger = logging.getLogger(__name__)

SkillFinder = Callable[[str], tuple[Skill, SkillContext]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgnoRun:
    """One request through a fresh agent; nothing of it is shared with another.

    `needed_accounts` and `refused` collect what the tools of the run met, `listed` the tools of each skill.
    """

    spec: AgentSpec
    request: ChatRequest
    choice: ModelChoice
    usage: RunUsage
    find_skill: SkillFinder
    session_id: str
    emit: Emit
    needed_accounts: set[str] = field(default_factory=set[str])
    refused: dict[str, None] = field(default_factory=dict[str, None])
    calls: ToolCalls = field(default_factory=ToolCalls)
    listed: dict[str, list[tuple[Toolset, Tool]]] = field(default_factory=dict[str, list[tuple[Toolset, Tool]]])

    async def run(self) -> None:
        """Run to the end, emitting what happens. Raises the failure of the model call that ended the run."""
        for name in self.spec.skills:
            toolset = toolset_of(*self.find_skill(name))
            self.listed[name] = [(toolset, tool) for tool in await toolset.tools(self.request.caller)]
        arun: Callable[..., AsyncGenerator[object]] = cast("Any", self._agent()).arun
        events = arun(
            input_messages(self.request.conversation),
            stream=True,
            stream_events=True,
            user_id=self.request.caller.user,
            session_id=self.session_id,
            run_id=uuid4().hex,
        )
        async with aclosing(events):
            async for event in events:
                self._translate(event)
                if isinstance(event, RunErrorEvent):
                    raise _failure(event, self.usage, self.spec)

    def _agent(self) -> Agent:
        spec = self.spec
        model = BackendModel(
            id=self.choice.name,
            choice=self.choice,
            usage=self.usage,
            params=self.request.params,
            stream=self.request.stream,
            calls=self.calls,
            ready=self.request.ready,
            emit=self.emit,
        )
        if spec.factory is not None:
            context = AgentContext(caller=self.request.caller, model=model, tools=self._functions)
            agent = spec.factory(context)
        else:
            fragments = [spec.instructions, *(self.find_skill(name)[0].instructions for name in spec.skills)]
            agent = Agent(
                name=spec.name,
                model=model,
                instructions="\n\n".join(fragment for fragment in fragments if fragment),
                tools=cast("Any", self._functions(*spec.skills)),
            )
        _secure(agent, self.request.system)
        return agent

    def _functions(self, *names: str) -> list[Function]:
        for name in names:
            if name not in self.listed:
                # A factory, which is no coroutine, may ask for any skill.
                skill, context = self.find_skill(name)
                toolset = toolset_of(skill, context)
                self.listed[name] = [(toolset, tool) for tool in skill.tools]
        return [self._function(tool, toolset) for name in names for toolset, tool in self.listed[name]]

    def _function(self, tool: Tool, toolset: Toolset) -> Function:
        self.calls.own.add(tool.name)
        function = cast("_SkillFunction", _template(tool).model_copy())
        function.bound = (self, tool, toolset)
        return function

    def _translate(self, event: object) -> None:
        match event:
            case RunContentEvent():
                if event.reasoning_content:
                    self.emit(Thinking(event.reasoning_content))
                if isinstance(event.content, str) and event.content:
                    self.emit(Text(event.content))
            case RunPausedEvent():
                self.emit(Text(f"\n\n{say('runs.cannot_confirm')}\n"))
            case ToolCallStartedEvent(tool=ToolExecution() as tool) if tool.tool_name not in self.calls.own:
                name, arguments = tool.tool_name or "", tool.tool_args or {}
                line = redactor.clean(plain_line(name, arguments))
                self.emit(ToolStarted(tool.tool_call_id or "", name, line))
            case ToolCallCompletedEvent(tool=ToolExecution() as tool) if tool.tool_name not in self.calls.own:
                self.emit(_finished(tool))
            case _:
                pass


def _secure(agent: Agent, client_system: str) -> None:
    """Apply the settings that every agent must have, whoever built it, and add the client's system message."""
    agent.db = None
    agent.telemetry = False
    # Otherwise Agno would fill "{name}" in texts of users from its own state.
    agent.resolve_in_context = False
    agent.cache_callables = False
    agent.retries = 0
    agent.markdown = False
    if not client_system:
        return
    own = cast("Any", agent).system_message
    if isinstance(own, str):
        agent.system_message = f"{own}\n\n{client_system}"
    else:
        agent.additional_context = "\n\n".join(filter(None, (agent.additional_context, client_system)))


class _SkillFunction(Function):
    """A tool for Agno. It shares one entrypoint with all others: Agno inspects a new closure at every request."""

    bound: Any = None

    def _per_run_copy(self) -> Function:
        # It is made for one run already; Agno would copy its schema once more.
        return self

    def process_schema_for_strict(self) -> None:
        """Change a copy of the schema: the tool itself is everybody's."""
        self.parameters = deepcopy(self.parameters)
        super().process_schema_for_strict()


_templates: LruDict[int, tuple[Tool, _SkillFunction]] = LruDict(5_000)
"""By the tool's identity; the tool is kept beside it, so that no other one gets its number."""


def _template(tool: Tool) -> _SkillFunction:
    """Return the function of a tool, which is copied for each run: to build one takes ten times as long."""
    known = _templates.get(id(tool))
    if known is None:
        function = _SkillFunction(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters,
            entrypoint=_call,
            skip_entrypoint_processing=True,
        )
        known = _templates[id(tool)] = (tool, function)
    return known[1]


async def _call(fc: Any) -> str:
    run, tool, toolset = cast("tuple[AgnoRun, Tool, Toolset]", fc.function.bound)
    call, shown = run.calls.find(fc.call_id or ""), False
    if call is None or call.error:
        return refused_call(tool, call.error if call else say("runs.no_such_call"), run.emit, fc.call_id or "")

    async def show(text: str) -> None:
        nonlocal shown
        # A table needs a blank line before it, whatever the model wrote last.
        run.emit(Text(text if shown else f"\n\n{text}"))
        shown = True
        await run.request.ready()

    def tell(text: str, title: str = "") -> None:
        nonlocal shown
        if text:
            run.emit(told(text if shown or title else f"\n\n{text}", title))
            shown = True

    audience = Audience(show, tell) if tool.shows_items else Audience()
    outcome = await followed_call(toolset, tool, call.arguments, run.emit, audience=audience, call_id=call.id)
    if shown:
        run.emit(Text("\n"))
    run.refused.update(dict.fromkeys(outcome.refused))
    if outcome.needs:
        run.needed_accounts.add(outcome.needs)
    return outcome.text


def _finished(tool: ToolExecution) -> ToolFinished:
    """Return the end of a tool that an agent's own factory brought."""
    return ToolFinished(
        tool.tool_call_id or "",
        tool.tool_name or "",
        failed=bool(tool.tool_call_error),
        arguments=tool.tool_args or {},
        result=redactor.clean(str(tool.result or "")),
    )


def _failure(event: RunErrorEvent, usage: RunUsage, spec: AgentSpec) -> RosterError:
    if usage.failure is not None:
        return usage.failure
    # Agno's text may hold anything an exception held: it goes to the log, redacted, and not to the client.
    logger.error("agent %s failed: %s", spec.name, event.content)
    return RosterError(say("runs.agent_failed", agent=spec.name))
