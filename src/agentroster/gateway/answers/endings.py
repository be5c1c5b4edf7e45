"""Ends each open answer in a form that its client understands, whatever ends it. Pure ASGI, outermost."""

import asyncio
import json

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.errors import RosterError, Stopping
from agentroster.gateway.answers.rewriting import is_stream
from agentroster.identity.caller import Caller
from agentroster.identity.open_requests import OpenRequests, current
from agentroster.web.error_forms import error_response, last_frames

_LIVE = frozenset({"/health/liveliness", "/health/liveness"})
_READY = "/health/readiness"
_OWN = "/roster/api/"
_FOLLOWED = ("/events", "/ws")
_FINISH_SECONDS = 5.0
_RETRY_SECONDS = 5
_SERVICE_RESTART, _POLICY_VIOLATION = 1012, 1008


class Endings:
    """Knows each open request, refuses new ones while the process stops, and finishes those that are ended."""

    def __init__(self, app: ASGIApp, requests: OpenRequests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; if it is ended on the way, finish its answer."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if self._requests.is_stopping and scope["path"] not in _LIVE:
            await _refuse(scope, receive, send)
            return
        request = _Open(scope, send)
        current.set(request)
        self._requests.add(request)
        try:
            await self._app(scope, receive, request.send)
        except BaseException:
            if request.error is None:
                raise
        finally:
            self._requests.discard(request)
        if request.error is not None:
            await request.finish(receive)


class _Open:
    """One open request. What its app sends after the end is dropped."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.caller: Caller | None = None
        self.error: RosterError | None = None
        self._path: str = scope["path"]
        self.is_followed = self._path.startswith(_OWN) and self._path.endswith(_FOLLOWED)
        self._scope = scope
        self._send = send
        self._task = asyncio.current_task()
        self._is_started = self._is_stream = self._is_complete = False

    async def send(self, message: Message) -> None:
        """Pass on what the app sends."""
        if self.error is not None:
            return
        match message["type"]:
            case "http.response.start":
                self._is_started = True
                self._is_stream = is_stream(message)
            case "http.response.body":
                self._is_complete = not message.get("more_body")
            case "websocket.close":
                self._is_complete = True
            case _:
                pass
        await self._send(message)

    def end(self, error: RosterError) -> None:
        """Cancel the app, once: a second cancellation would interrupt the cleanup that the first one began."""
        if self.error is None and not self._is_complete and self._task is not None:
            self.error = error
            self._task.cancel()

    async def finish(self, receive: Receive) -> None:
        """End the answer in the client's form; a client that does not read it is not waited for long."""
        while self._task is not None and self._task.cancelling():
            self._task.uncancel()
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                await self._finish(receive)
        except TimeoutError:
            return

    async def _finish(self, receive: Receive) -> None:
        error = self.error
        if error is None or self._is_complete:
            return
        if self._scope["type"] == "websocket":
            code = _SERVICE_RESTART if isinstance(error, Stopping) else _POLICY_VIOLATION
            await self._send({"type": "websocket.close", "code": code, "reason": error.message[:120]})
        elif not self._is_started:
            await _answer(error)(self._scope, receive, self._send)
        elif self._is_stream:
            await self._send({"type": "http.response.body", "body": _last_frames(self._path, error)})
        # Any other body that has begun is cut off: an error in the middle of it could not be told apart.


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _SERVICE_RESTART, "reason": Stopping().message})
        return
    response = _answer(Stopping())
    if scope["path"] == _READY:
        response = JSONResponse({"status": "stopping"}, 503, {"retry-after": str(_RETRY_SECONDS)})
    response.headers["connection"] = "close"
    await response(scope, receive, send)


def _answer(error: RosterError) -> JSONResponse:
    response = error_response(error)
    if isinstance(error, Stopping):
        response.headers["retry-after"] = str(_RETRY_SECONDS)
    return response


def _last_frames(path: str, error: RosterError) -> bytes:
    """Return the error and the end of a stream, in the words of its interface.

    Our own jobs' client goes on with `Last-Event-ID`.
    """
    if path.startswith(_OWN):
        event = "stopping" if isinstance(error, Stopping) else "error"
        data: dict[str, object] = {"message": error.message, "code": error.code}
        return f"retry: 2000\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
    return last_frames(path, error)
