"""What one language-model call takes and gives, independent of who serves the model."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

Message: TypeAlias = Mapping[str, object]
"""A chat message in OpenAI's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One call: `params` are OpenAI body fields such as temperature; `stream` asks for chunks."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    stream: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one call, as the server states them last."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of two calls."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One complete tool call: `arguments` as parsed, or `error`, for the model, why it must not run."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The model's whole turn with its tool calls; `message` is what goes back to the server, always valid."""

    calls: tuple[ToolCall, ...]
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What a model adds to its answer; `picture` is the address of one that came as data.

    The last one has `finish`, the tokens, and the turn when tools are called.
    """

    text: str = ""
    thinking: str = ""
    picture: str = ""
    finish: str | None = None
    usage: Usage | None = None
    turn: Turn | None = None


class ChatModel(Protocol):
    """Something that answers chat completions: an HTTP endpoint, or a model of this proxy."""

    def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks of one answer. Raises an UpstreamError; never runs a request twice."""
        ...
