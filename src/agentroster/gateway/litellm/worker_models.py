"""Lets the worker's process ask the models of the proxy's own list: LiteLLM is loaded in the proxy only."""

import hmac
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentroster.errors import NotFound, RosterError, UpstreamUnavailable
from agentroster.gateway.litellm.router_model import FAILURES, answers, refusal_of
from agentroster.gateway.worker_process import WORKER_MODELS
from agentroster.messages import say
from agentroster.web.api.requests import json_object
from agentroster.web.error_forms import error_response

_PASSED_ON = ("retry-after", "retry-after-ms")


class WorkerModels:
    """An OpenAI-compatible endpoint whose key is derived from the encryption key, which every process has."""

    def __init__(self, secret: bytes) -> None:
        self._authorization = f"Bearer {secret.hex()}".encode()

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route(f"{WORKER_MODELS}/chat/completions", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._complete(request)
        except RosterError as error:
            return error_response(error)

    async def _complete(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            raise NotFound(say("gateway.nothing_here"))
        values = answers(await json_object(request))
        try:
            first = await anext(values)
        except FAILURES as error:
            status, headers = refusal_of(error)
            return Response(None, status, {name: headers[name] for name in _PASSED_ON if name in headers})
        except UpstreamUnavailable as error:
            return JSONResponse({"error": {"message": error.message}}, 503)
        return StreamingResponse(_frames(first, values), media_type="text/event-stream")


async def _frames(first: object, rest: AsyncIterator[object]) -> AsyncGenerator[bytes]:
    yield _frame(first)
    async with aclosing(rest):  # pyright: ignore[reportArgumentType] - a generator
        try:
            async for value in rest:
                yield _frame(value)
        except FAILURES as error:
            yield _frame({"error": {"message": "", "code": refusal_of(error)[0]}})
    yield b"data: [DONE]\n\n"


def _frame(value: object) -> bytes:
    return b"data: " + json.dumps(value, default=str).encode() + b"\n\n"
