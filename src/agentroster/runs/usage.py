"""Counts what one run uses: model calls, tokens, and the failure that ended it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from agentroster.errors import LimitReached, RosterError
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import ChatModel, Chunk, CompletionRequest, Usage
from agentroster.messages import say
from agentroster.runs.chat import FinishReason, TokenCount


class RunUsage:
    """The usage of one run and its limit: Agno's own tool limit does not end a loop, and hides upstream failures."""

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._calls = 0
        self.tokens = TokenCount()
        self.failure: RosterError | None = None
        self.upstream_finish: str | None = None

    def count_call(self) -> None:
        """Count one model call. Raises LimitReached when the budget is used up."""
        if self._calls >= self._max_calls:
            raise LimitReached(say("runs.model_calls_used_up", limit=self._max_calls))
        self._calls += 1

    def add(self, usage: Usage) -> None:
        """Add the tokens of one model call."""
        self.tokens.prompt += usage.prompt_tokens
        self.tokens.completion += usage.completion_tokens
        self.tokens.cached += usage.cached_tokens
        self.tokens.reasoning += usage.reasoning_tokens

    @property
    def finish_reason(self) -> FinishReason:
        """How the answer ended, in the words of OpenAI's wire; tools are our matter, so never `tool_calls`."""
        match self.upstream_finish:
            case "length" | "content_filter" as reason:
                return reason
            case _:
                return "stop"


@dataclass(frozen=True, slots=True)
class _Metered:
    """A model whose tokens count for a run."""

    chat: ChatModel
    usage: RunUsage

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        async for chunk in self.chat.complete(request):
            if chunk.usage is not None:
                self.usage.add(chunk.usage)
            yield chunk


def counted(choice: ModelChoice | None, usage: RunUsage) -> ModelChoice | None:
    """Return the model for the pipelines of a run: its tokens count for the run, its calls are bounded by the items."""
    return replace(choice, chat=_Metered(choice.chat, usage)) if choice else None
