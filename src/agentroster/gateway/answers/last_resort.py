"""Answers unexpected exceptions in OpenAI's form with one line in the log, never as plain text."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.errors import RosterError
from agentroster.gateway.answers.rewriting import is_stream
from agentroster.identity.presented_key import presented_key
from agentroster.web.error_forms import Unexpected, error_response, last_frames

logger = logging.getLogger(__name__)

_REFUSED = 1008
_FAILED = 1011


class LastResort:
    """Refuses requests with two keys before any route sees them, and answers what no route foresaw."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            # Whoever is behind may look at one header, and somebody else at the other.
            presented_key(scope["headers"])
            await self._app(scope, receive, answer.send)
        except RosterError as error:
            await answer.fail(error, scope, receive)
        except Exception:
            logger.exception(
                "%s %s failed", scope.get("method", "WebSocket"), scope["path"][:100].encode("unicode_escape")
            )
            await answer.fail(Unexpected(), scope, receive)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_stream = False
        self._state = "waiting"

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._state = "started"
            self._is_stream = is_stream(message)
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._state = "ended"
        elif message["type"] in {"websocket.accept", "websocket.close", "websocket.http.response.start"}:
            self._state = "ended" if message["type"] != "websocket.accept" else "accepted"
        await self._send(message)

    async def fail(self, error: RosterError, scope: Scope, receive: Receive) -> None:
        """Answer, unless an answer has ended; one that has begun and is no stream stays cut off, which clients see."""
        if scope["type"] == "websocket":
            if self._state != "ended":
                code = _FAILED if self._state == "accepted" else _REFUSED
                await self._send({"type": "websocket.close", "code": code, "reason": error.message[:120]})
        elif self._state == "waiting":
            await error_response(error, closes=True)(scope, receive, self._send)
        elif self._state == "started" and self._is_stream:
            frames = last_frames(scope["path"], error)
            await self._send({"type": "http.response.body", "body": frames, "more_body": False})
