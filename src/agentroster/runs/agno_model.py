"""Puts any backend behind Agno's model interface."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from agentroster.errors import RosterError, UpstreamError
from agentroster.json_values import as_object
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import CompletionRequest, Turn
from agentroster.messages import say
from agentroster.runs.chat import Emit, ModelAsked, Picture
from agentroster.runs.tool_turns import ToolCalls
from agentroster.runs.usage import RunUsage

_SILENT_SECONDS = 1.5
"""Without a token: then whoever waits is told for whom."""


class RunStopped(Exception):
    """Ends an Agno run; the reason is kept in the run's usage, where Agno cannot lose it.

    Not derived from Agno's `ModelProviderError`, which Agno would wrap, log and, if asked, retry.
    """


@dataclass
class BackendModel(Model):
    """Talks to the chosen backend for one run: budget, real failures, exact usage, no retry.

    What goes on from here to Agno is only what it needs to call tools; the model's own turns are kept in `calls` and go
    back to the server as they came.
    """

    choice: ModelChoice = field(kw_only=True)
    usage: RunUsage = field(kw_only=True)
    params: Mapping[str, object] = field(kw_only=True)
    stream: bool = field(kw_only=True)
    calls: ToolCalls = field(kw_only=True, default_factory=ToolCalls)
    ready: Callable[[], Awaitable[None]] = field(kw_only=True)
    emit: Emit = field(kw_only=True)

    async def ainvoke_stream(
        self, messages: list[Message], tools: list[dict[str, Any]] | None = None, **_: Any
    ) -> AsyncIterator[ModelResponse]:
        """Yield the deltas of one model call, tool calls last and complete."""
        request = CompletionRequest(
            model=self.choice.name,
            messages=[self._to_wire(message) for message in messages],
            tools=tools or (),
            params=self.params,
            stream=self.stream,
        )
        turn: Turn | None = None
        silence = asyncio.get_running_loop().call_later(_SILENT_SECONDS, self.emit, ModelAsked())
        try:
            self.usage.count_call()
            async for chunk in self.choice.chat.complete(request):
                silence.cancel()
                if chunk.picture:
                    # Past Agno, which has no place for it.
                    self.emit(Picture(chunk.picture))
                if chunk.usage is not None:
                    self.usage.add(chunk.usage)
                if chunk.finish is not None:
                    self.usage.upstream_finish = chunk.finish
                if chunk.text or chunk.thinking:
                    yield ModelResponse(content=chunk.text or None, reasoning_content=chunk.thinking or None)
                turn = chunk.turn or turn
                # While the client does not read, neither do we: the model server notices.
                await self.ready()
        except RosterError as error:
            self.usage.failure = error
            raise RunStopped from error
        finally:
            silence.cancel()
        if turn is not None:
            yield ModelResponse(tool_calls=self.calls.add(turn))

    def _to_wire(self, message: Message) -> Mapping[str, object]:
        wire: dict[str, object] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            kept = self.calls.turn_of(message.tool_calls)
            if kept is not None:
                return kept
            wire["tool_calls"] = message.tool_calls
        if message.tool_call_id is not None:
            wire["tool_call_id"] = message.tool_call_id
        if message.name is not None and message.role == "user":
            wire["name"] = message.name
        return wire

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return one model call as a whole; for factories whose agents ask so."""
        whole = ModelResponse(content="")
        async for delta in self.ainvoke_stream(*args, **kwargs):
            whole.content = f"{whole.content}{delta.content or ''}"
            whole.reasoning_content = f"{whole.reasoning_content or ''}{delta.reasoning_content or ''}" or None
            whole.tool_calls.extend(delta.tool_calls)
        return whole

    def invoke(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a blocking call would stop every other request of the process."""
        raise UpstreamError(say("runs.model_called_synchronously"))

    def invoke_stream(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse, as `invoke` does."""
        self.invoke()

    def _parse_provider_response(self, response: ModelResponse, **_: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: ModelResponse) -> ModelResponse:
        return response


def input_messages(conversation: Sequence[Mapping[str, object]]) -> list[Message]:
    """Return the client's conversation as Agno messages, in order, with image parts and tool messages."""
    return [_from_wire(message) for message in conversation]


def _from_wire(message: Mapping[str, Any]) -> Message:
    role = "tool" if message["role"] == "function" else message["role"]
    legacy = message.get("function_call")
    calls = message.get("tool_calls") or ([{"id": "", "type": "function", "function": legacy}] if legacy else None)
    return Message(
        role=role,
        content=message.get("content"),
        name=message.get("name"),
        tool_calls=[_text_arguments(call) for call in calls] if calls and role == "assistant" else None,
        tool_call_id=message.get("tool_call_id") if role == "tool" else None,
    )


def _text_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a client's tool call with its arguments as text, as Agno expects them."""
    function = as_object(call.get("function"))
    if isinstance(function.get("arguments"), str):
        return dict(call)
    return {**call, "function": {**function, "arguments": json.dumps(function.get("arguments") or {})}}
