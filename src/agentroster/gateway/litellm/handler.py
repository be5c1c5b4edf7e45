"""LiteLLM's custom provider: four methods, each one run of an agent."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import GenericStreamingChunk, ModelResponse, ModelResponseStream  # pyright: ignore[reportMissingTypeStubs]

from agentroster.errors import RosterError
from agentroster.gateway.litellm import state
from agentroster.gateway.litellm.chunks import ChunkWriter, fill, last_chunk
from agentroster.gateway.litellm.failure import AgentFailed, agent_failed
from agentroster.gateway.litellm.loop_thread import LoopThread
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.chat_request import read_request
from agentroster.runs.chat import ChatRequest, RunEvent
from agentroster.runs.presentation.activity import activity_for
from agentroster.runs.presentation.inert_answer import AsWritten, InertAnswer
from agentroster.runs.stream import Backlog, Finished, stream_run

logger = logging.getLogger(__name__)

Chunk = ModelResponseStream | GenericStreamingChunk


class AgnoProvider(CustomLLM):
    """Answers `agno/<name>`. LiteLLM passes everything by keyword; only what is named here is used."""

    async def acompletion(self, *_: Any, **arguments: Any) -> ModelResponse:
        """Return the whole answer of one run. Raises AgentFailed."""
        events: list[RunEvent] = []
        try:
            request = _request(arguments, stream=False)
            result = await state.current().runner.run(request, events.append)
            activity, inert = activity_for(_exchange().activity), _inert(request)
            passed = [*(piece for event in events for piece in inert.passed(event)), *inert.ended()]
            shown = [*(piece for event in passed for piece in activity.shown(event)), *activity.ended()]
        except Exception as error:  # noqa: BLE001 - the provider border: nothing else may reach a client
            raise _failed(error, arguments.get("model")) from None
        return fill(arguments["model_response"], shown, result)

    async def astreaming(self, *_: Any, **arguments: Any) -> AsyncIterator[Chunk]:  # pyright: ignore[reportIncompatibleMethodOverride] - LiteLLM iterates, as its documentation says
        """Yield the chunks of one run; closing the stream cancels the run. Raises AgentFailed."""
        context = _exchange()
        activity = activity_for(context.activity)
        writer = ChunkWriter(f"agno/{str(arguments['model']).removeprefix('agno/')}")
        inert: InertAnswer | AsWritten = AsWritten()
        try:
            backlog = Backlog()
            request = replace(_request(arguments, stream=True), ready=backlog.ready)
            runner, inert = state.current().runner, _inert(request)
            run = stream_run(lambda emit: runner.run(request, emit), backlog, context.on_disconnect)
            async with aclosing(run) as events:
                async for event in events:
                    is_end = isinstance(event, Finished)
                    passed = inert.ended() if is_end else inert.passed(event)
                    pieces = [piece for part in passed for piece in activity.shown(part)]
                    pieces += activity.ended() if is_end else ()
                    last = [last_chunk(event.result)] if is_end else []
                    for chunk in (*map(writer.chunk, pieces), *last):
                        context.started = True
                        yield chunk
        except Exception as error:  # noqa: BLE001 - the provider border: nothing else may reach a client
            # What waits is part of the answer, and a status line would go on for ever.
            said = [piece for part in inert.ended() for piece in activity.shown(part)]
            for piece in (*said, *activity.ended()):
                yield writer.chunk(piece)
            raise _failed(error, arguments.get("model")) from None

    def completion(self, *_: Any, **arguments: Any) -> ModelResponse:
        """Do as `acompletion`, for synchronous users of the LiteLLM SDK."""
        return LoopThread.shared().run(self.acompletion(**arguments))

    def streaming(self, *_: Any, **arguments: Any) -> Iterator[Any]:
        """Do as `astreaming`, for synchronous users of the LiteLLM SDK."""
        return LoopThread.shared().iterate(self.astreaming(**arguments))


def _exchange() -> RequestContext:
    return current.get() or RequestContext()


def _inert(request: ChatRequest) -> InertAnswer | AsWritten:
    wanted = request.params.get("response_format")
    is_object = isinstance(wanted, dict) and cast("dict[str, object]", wanted).get("type") not in (None, "text")
    return AsWritten() if is_object else InertAnswer(state.current().image_hosts.of(request.agent))


def _request(arguments: Mapping[str, Any], *, stream: bool) -> ChatRequest:
    return read_request(
        arguments["model"],
        arguments.get("messages"),
        arguments.get("optional_params") or {},
        arguments.get("litellm_params") or {},
        stream=stream,
    )


def _failed(error: Exception, model: object) -> AgentFailed:
    if isinstance(error, RosterError):
        logger.info("agno/%s: %d %s: %s", model, error.status, error.code, error.message)
    else:
        logger.error("agno/%s failed", model, exc_info=error)
    return agent_failed(error)
