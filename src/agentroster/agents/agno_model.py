"""The border to Agno's models: one class that puts any of our backends behind Agno's interface."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import uuid4

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from agentroster.agents.meter import Meter
from agentroster.errors import RosterError, UpstreamError
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import CompletionRequest, Piece, ToolCallFragment


class RunStopped(Exception):
    """Ends an Agno run; the reason is kept in the run's meter, where Agno cannot lose it.

    Not derived from Agno's `ModelProviderError`, which Agno would wrap, log and, if asked, retry.
    """


@dataclass
class BackendModel(Model):
    """Talks to the chosen backend for one run: budget, real failures, exact usage, no retry."""

    choice: ModelChoice = field(kw_only=True)
    meter: Meter = field(kw_only=True)
    params: Mapping[str, object] = field(kw_only=True)
    stream: bool = field(kw_only=True)
    ready: Callable[[], Awaitable[None]] = field(kw_only=True)

    async def ainvoke_stream(
        self, messages: list[Message], tools: list[dict[str, Any]] | None = None, **_: Any
    ) -> AsyncIterator[ModelResponse]:
        """Yield the deltas of one model call, tool calls last and complete."""
        request = CompletionRequest(
            model=self.choice.name,
            messages=[_to_wire(message) for message in messages],
            tools=tools or (),
            params=self.params,
            stream=self.stream,
        )
        calls: dict[int, ToolCallFragment] = {}
        try:
            self.meter.count_call()
            async for piece in self.choice.chat.complete(request):
                for delta in self._read(piece, calls):
                    yield delta
                # While the client does not read, neither do we: the model server notices.
                await self.ready()
        except RosterError as error:
            self.meter.failure = error
            raise RunStopped from error
        if calls:
            yield ModelResponse(tool_calls=[_tool_call(calls[index]) for index in sorted(calls)])

    def _read(self, piece: Piece, calls: dict[int, ToolCallFragment]) -> Iterator[ModelResponse]:
        if piece.usage is not None:
            self.meter.add(piece.usage)
        for choice in piece.choices[:1]:
            delta = choice.delta
            if choice.finish_reason is not None:
                self.meter.upstream_finish = choice.finish_reason
            for position, fragment in enumerate(delta.tool_calls or []):
                # Complete answers number their calls by position only.
                _join(calls, fragment, fragment.index or (position if not self.stream else 0))
            if delta.content or delta.thinking:
                yield ModelResponse(content=delta.content or None, reasoning_content=delta.thinking or None)

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
        raise UpstreamError("This agent calls its model synchronously, which the proxy does not do: use arun.")

    def invoke_stream(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse, as `invoke` does."""
        self.invoke()

    def _parse_provider_response(self, response: ModelResponse, **_: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: ModelResponse) -> ModelResponse:
        return response


def _to_wire(message: Message) -> dict[str, object]:
    wire: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = message.tool_calls
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    if message.name is not None and message.role == "user":
        wire["name"] = message.name
    return wire


def _join(calls: dict[int, ToolCallFragment], fragment: ToolCallFragment, index: int) -> None:
    known = calls.get(index)
    if known is None:
        calls[index] = fragment
        return
    function = known.function.model_copy(
        update={
            "name": known.function.name or fragment.function.name,
            "arguments": (known.function.arguments or "") + (fragment.function.arguments or ""),
        }
    )
    calls[index] = known.model_copy(update={"id": known.id or fragment.id, "function": function})


def _tool_call(call: ToolCallFragment) -> dict[str, object]:
    function = {"name": call.function.name or "", "arguments": call.function.arguments or "{}"}
    return {"id": call.id or f"call_{uuid4().hex[:24]}", "type": "function", "function": function}


def input_messages(conversation: Sequence[Mapping[str, object]]) -> list[Message]:
    """Return the client's conversation as Agno messages, in order, with image parts and tool messages."""
    return [_from_wire(message) for message in conversation]


def _from_wire(message: Mapping[str, Any]) -> Message:
    role = "tool" if message["role"] == "function" else message["role"]
    return Message(
        role=role,
        content=message.get("content"),
        name=message.get("name"),
        tool_calls=message.get("tool_calls") if role == "assistant" else None,
        tool_call_id=message.get("tool_call_id") if role == "tool" else None,
    )
