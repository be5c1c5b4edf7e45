"""What one language-model call takes and gives, independent of who serves the model."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Message: TypeAlias = Mapping[str, object]
"""A chat message in OpenAI's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One call: `params` are OpenAI body fields such as temperature; `stream` asks for pieces."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[Mapping[str, object]] = ()
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    stream: bool = True


class _Wire(BaseModel):
    """Tolerant reading: servers add fields of their own and leave others out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _PromptDetails(_Wire):
    cached_tokens: int | None = None


class _CompletionDetails(_Wire):
    reasoning_tokens: int | None = None


class Usage(_Wire):
    """Token counts of one call, as the server states them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    @property
    def cached_tokens(self) -> int:
        """How many prompt tokens came from the server's cache."""
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0

    @property
    def reasoning_tokens(self) -> int:
        """How many completion tokens were thinking."""
        return (self.completion_tokens_details and self.completion_tokens_details.reasoning_tokens) or 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of two calls."""
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            prompt_tokens_details=_PromptDetails(cached_tokens=self.cached_tokens + other.cached_tokens),
            completion_tokens_details=_CompletionDetails(
                reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens
            ),
        )


class FunctionFragment(_Wire):
    """Part of a function call; names and arguments of one index are joined in order."""

    name: str | None = None
    arguments: str | None = None


class ToolCallFragment(_Wire):
    """Part of a tool call in a stream."""

    index: int = 0
    id: str | None = None
    function: FunctionFragment = FunctionFragment()


class Delta(_Wire):
    """What a piece adds to the answer."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallFragment] | None = None

    @property
    def thinking(self) -> str | None:
        """The thinking text; servers disagree about the name of the field."""
        return self.reasoning_content or self.reasoning


class Choice(_Wire):
    """The only choice of a piece or an answer: agents ask for one."""

    delta: Delta = Field(default=Delta(), alias="delta")
    message: Delta | None = None
    finish_reason: str | None = None


class Piece(_Wire):
    """One piece of a stream, or a complete answer."""

    choices: list[Choice] = []
    usage: Usage | None = None


class ChatModel(Protocol):
    """Something that answers chat completions: an HTTP endpoint, or a model of this proxy."""

    def complete(self, request: CompletionRequest) -> AsyncIterator[Piece]:
        """Yield the pieces of one answer. Raises an UpstreamError; never tries twice."""
        ...
