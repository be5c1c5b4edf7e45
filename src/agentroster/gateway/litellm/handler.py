"""LiteLLM's custom provider: four methods, each one run of an agent."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import GenericStreamingChunk, ModelResponse, ModelResponseStream  # pyright: ignore[reportMissingTypeStubs]

from agentroster.gateway.litellm import state
from agentroster.gateway.litellm.chunks import ChunkWriter, fill, last_chunk
from agentroster.gateway.litellm.failure import AgentFailed, agent_failed
from agentroster.gateway.litellm.loop_thread import LoopThread
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.chat_request import read_request
from agentroster.runs.answers import log_failure
from agentroster.runs.chat import ChatRequest
from agentroster.runs.stream import Finished

Chunk = ModelResponseStream | GenericStreamingChunk


class AgnoProvider(CustomLLM):
    """Answers `agno/<name>`. LiteLLM passes everything by keyword; only what is named here is used."""

    async def acompletion(self, *_: Any, **arguments: Any) -> ModelResponse:
        """Return the whole answer of one run. Raises AgentFailed."""
        try:
            request = _request(arguments, stream=False)
            shown, result = await state.current().answers.whole(request, _exchange().activity)
        except Exception as error:  # noqa: BLE001 - the provider border: nothing else may reach a client
            raise _failed(error, arguments.get("model")) from None
        return fill(arguments["model_response"], shown, result)

    async def astreaming(self, *_: Any, **arguments: Any) -> AsyncIterator[Chunk]:  # pyright: ignore[reportIncompatibleMethodOverride] - LiteLLM iterates, as its documentation says
        """Yield the chunks of one run; closing the stream cancels the run. Raises AgentFailed."""
        context = _exchange()
        writer = ChunkWriter(f"agno/{str(arguments['model']).removeprefix('agno/')}")
        try:
            request = _request(arguments, stream=True)
            answer = state.current().answers.stream(request, context.activity, context.on_disconnect)
            async with aclosing(answer) as parts:
                async for part in parts:
                    context.started = True
                    yield last_chunk(part.result) if isinstance(part, Finished) else writer.chunk(part)
        except Exception as error:  # noqa: BLE001 - the provider border: nothing else may reach a client
            raise _failed(error, arguments.get("model")) from None

    def completion(self, *_: Any, **arguments: Any) -> ModelResponse:
        """Do as `acompletion`, for synchronous users of the LiteLLM SDK."""
        return LoopThread.shared().run(self.acompletion(**arguments))

    def streaming(self, *_: Any, **arguments: Any) -> Iterator[Any]:
        """Do as `astreaming`, for synchronous users of the LiteLLM SDK."""
        return LoopThread.shared().iterate(self.astreaming(**arguments))


def _exchange() -> RequestContext:
    return current.get() or RequestContext()


def _request(arguments: Mapping[str, Any], *, stream: bool) -> ChatRequest:
    return read_request(
        arguments["model"],
        arguments.get("messages"),
        arguments.get("optional_params") or {},
        arguments.get("litellm_params") or {},
        stream=stream,
    )


def _failed(error: Exception, model: object) -> AgentFailed:
    log_failure(str(model), error)
    return agent_failed(error)
