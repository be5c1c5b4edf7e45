"""Runs an agent once before anybody asks: Agno imports half of itself when an agent first runs.

Nothing leaves the process: the model is a script that calls a tool in a way that must not run, and then says a word.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from agentroster.agents.spec import AgentSpec
from agentroster.identity.caller import ANONYMOUS
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import Chunk, CompletionRequest, ToolCall, Turn
from agentroster.runs.chat import ChatRequest
from agentroster.runs.usage import RunUsage
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill

if TYPE_CHECKING:
    from agentroster.runs.agno_run import AgnoRun

_NOT_RUN = "This call is only a rehearsal."
_loaded: "list[type[AgnoRun]]" = []


async def load_agno() -> "type[AgnoRun]":
    """Return the class that runs agents, importing it in a thread the first time: the event loop waits for nothing."""
    if not _loaded:
        module = await asyncio.to_thread(import_module, "agentroster.runs.agno_run")
        _loaded.append(cast("type[AgnoRun]", module.AgnoRun))
    return _loaded[0]


async def rehearse(spec: AgentSpec, find_skill: Callable[[str], tuple[Skill, SkillContext]]) -> None:
    """Import what a run of this agent imports, in a thread."""
    run_class = await load_agno()
    request = ChatRequest(agent=spec.name, caller=ANONYMOUS, messages=[{"role": "user", "content": "?"}], stream=True)
    run = run_class(
        spec=spec,
        request=request,
        choice=ModelChoice("rehearsal", _Script()),
        usage=RunUsage(2),
        find_skill=find_skill,
        session_id="rehearsal",
        emit=lambda _event: None,
    )
    await asyncio.to_thread(lambda: asyncio.run(run.run()))


class _Script:
    """Calls the first tool there is, then says something."""

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        names = [str(tool["function"]["name"]) for tool in request.tools]
        if names and request.messages[-1].get("role") != "tool":
            call = ToolCall(id="rehearsal", name=names[0], error=_NOT_RUN)
            wire = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": "{}"}}
            yield Chunk(turn=Turn(calls=(call,), message={"role": "assistant", "tool_calls": [wire]}))
            return
        yield Chunk(text="Ready.")
        yield Chunk(finish="stop")
