"""Turns events into LiteLLM's chunks of a stream, or into one answer.

The recipe that keeps ids, thinking and exact usage intact: `ModelResponseStream` objects with one id, then
one final dict with finish reason and usage.
"""

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

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

from agentroster.gateway.answers.completion_form import images_of, pictures, said, sendable, status_of, usage_of
from agentroster.runs.chat import Picture, RunResult, Text, Thinking, TokenCount
from agentroster.runs.presentation.activity import Shown, Status


class ChunkWriter:
    """Writes the chunks of one stream."""

    def __init__(self, model: str) -> None:
        self._id = f"chatcmpl-{uuid4().hex}"
        self._model = model

    def chunk(self, shown: Shown) -> ModelResponseStream | GenericStreamingChunk:
        """Return the chunk for a text, a thought, a picture or a status line."""
        match shown:
            case Text(text):
                return self._delta(Delta(role="assistant", content=sendable(text)))
            case Thinking(text):
                return self._delta(Delta(role="assistant", content=None, reasoning_content=sendable(text)))
            case Picture(url):
                return self._delta(Delta(role="assistant", content=None, images=cast("Any", images_of([url]))))
            case Status():
                # LiteLLM puts these fields of a dict chunk at its top level, where Open WebUI reads its events.
                return _dict_chunk(provider_specific_fields={"event": status_of(shown), "id": self._id})

    def _delta(self, delta: Delta) -> ModelResponseStream:
        return ModelResponseStream(id=self._id, model=self._model, choices=[StreamingChoices(index=0, delta=delta)])


def last_chunk(result: RunResult) -> GenericStreamingChunk:
    """Return the chunk that ends a stream, with exact usage."""
    return _dict_chunk(is_finished=True, finish_reason=result.finish_reason, usage=_usage_block(result.tokens))


def _dict_chunk(**fields: Any) -> GenericStreamingChunk:
    empty = {"text": "", "is_finished": False, "finish_reason": "", "index": 0, "tool_use": None, "usage": None}
    return cast("GenericStreamingChunk", empty | fields)


def fill(response: ModelResponse, events: Sequence[Shown], result: RunResult) -> ModelResponse:
    """Write a whole answer into LiteLLM's response object."""
    text, thinking = said(events)
    images = cast("Any", images_of(pictures(events)) or None)
    response.choices[0].message = Message(
        role="assistant", content=text, reasoning_content=thinking or None, images=images
    )
    response.choices[0].finish_reason = result.finish_reason
    # LiteLLM declares this field only at run time.
    cast("Any", response).usage = Usage(**_usage_block(result.tokens))
    # Stated, because LiteLLM would look for a price of the agent, fail, and write a traceback nobody reads.
    cast("Any", response)._hidden_params["response_cost"] = 0.0
    return response


def _usage_block(tokens: TokenCount) -> ChatCompletionUsageBlock:
    return ChatCompletionUsageBlock(**cast("Any", usage_of(tokens)))
