"""Answers chat completions of agents itself: same request, same run, same stream as LiteLLM's lane. Pure ASGI."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from agentroster.gateway.answers.completion_form import ChunkWriter, completion, to_json
from agentroster.gateway.lane.event_stream import EventStream
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.chat_request import chat_request
from agentroster.identity.caller import ANONYMOUS
from agentroster.json_values import as_object
from agentroster.runs.answers import Answers, log_failure
from agentroster.runs.chat import ChatRequest
from agentroster.runs.run_task import running
from agentroster.runs.stream import Finished
from agentroster.web.error_forms import error_response, last_frames

_CALL_ID = "x-litellm-call-id"
_USABLE_ID = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_Body: TypeAlias = Mapping[str, Any]


class ChatLane:
    """Takes a body that the request filter has read and cleaned: `RequestContext.body`."""

    def __init__(self, answers: Answers, *, ping_seconds: float) -> None:
        self._answers = answers
        self._ping_seconds = ping_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, in OpenAI's form; a client that goes away ends its run."""
        context = current.get() or RequestContext()
        body: _Body = context.body or {}
        send = _with_call_id(send, Headers(scope=scope).get(_CALL_ID) or "")
        gone = asyncio.create_task(_disconnect(receive))
        stream = EventStream(send, self._ping_seconds) if body.get("stream") else None
        try:
            request = chat_request(body, context.caller or ANONYMOUS, context)
            if stream is None:
                await self._whole(request, body, context, lambda answer: answer(scope, receive, send))
            else:
                await self._stream(request, body, context, stream)
        except Exception as error:  # noqa: BLE001 - the border: nothing else may reach a client
            log_failure(str(body.get("model")).removeprefix("agno/"), error)
            if stream is not None and stream.is_started:
                await stream.end(last_frames(scope["path"], error))
            else:
                await error_response(error)(scope, receive, send)
        finally:
            gone.cancel()
            if stream is not None:
                stream.close()

    async def _whole(
        self, request: ChatRequest, body: _Body, context: RequestContext, send: Callable[[Response], Awaitable[None]]
    ) -> None:
        async with running(self._answers.whole(request, context.activity), context.on_disconnect) as run:
            await asyncio.wait([run])
        if run.cancelled():
            return
        shown, result = run.result()
        raw = to_json(completion(body["model"], shown, result))
        await send(Response(raw, media_type="application/json"))

    async def _stream(self, request: ChatRequest, body: _Body, context: RequestContext, stream: EventStream) -> None:
        writer = ChunkWriter(body["model"])
        with_usage = bool(as_object(body.get("stream_options")).get("include_usage"))
        answer = self._answers.stream(request, context.activity, context.on_disconnect)
        async with aclosing(answer) as parts:
            async for part in parts:
                if isinstance(part, Finished):
                    await stream.end(writer.last(part.result, with_usage=with_usage))
                else:
                    await stream.send(writer.chunk(part))


async def _disconnect(receive: Receive) -> None:
    """Return when the client is gone, which `receive` has noted in the request's context."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _with_call_id(send: Send, given: str) -> Send:
    """Name the call as LiteLLM does: with the client's own name for it, or a new one."""
    call_id = given if _USABLE_ID.fullmatch(given) else str(uuid4())

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (_CALL_ID.encode(), call_id.encode())]}
        await send(message)

    return named
