"""A custom provider that does nothing: what LiteLLM itself costs, with no model call and no agent."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import (  # pyright: ignore[reportMissingTypeStubs]
    ChatCompletionUsageBlock,
    Delta,
    GenericStreamingChunk,
    Message,
    ModelResponse,
    ModelResponseStream,
    StreamingChoices,
    Usage,
)

from benchmarks.stub_model import PIECES, words

_TEXT = "".join(words(PIECES))


class EmptyProvider(CustomLLM):
    """Answers a fixed text."""

    async def acompletion(self, *_: Any, **arguments: Any) -> ModelResponse:
        """Return the text as a whole."""
        response: Any = arguments["model_response"]
        response.choices[0].message = Message(role="assistant", content=_TEXT)
        response.usage = Usage(prompt_tokens=10, completion_tokens=PIECES, total_tokens=10 + PIECES)
        return response

    async def astreaming(self, *_: Any, **arguments: Any) -> AsyncIterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride] - LiteLLM iterates, as its documentation says
        """Yield the text piece by piece."""
        # One id for all, as the agents do: LiteLLM would make a new one for each chunk.
        stream_id = f"chatcmpl-{uuid4().hex}"
        for word in words(PIECES):
            choice = StreamingChoices(index=0, delta=Delta(role="assistant", content=word))
            yield ModelResponseStream(id=stream_id, model=arguments["model"], choices=[choice])
        usage = ChatCompletionUsageBlock(prompt_tokens=10, completion_tokens=PIECES, total_tokens=10 + PIECES)
        yield GenericStreamingChunk(
            text="", is_finished=True, finish_reason="stop", index=0, tool_use=None, usage=usage
        )


empty = EmptyProvider()
