"""Puts every error on a path of Anthropic's interface into Anthropic's form, whoever refused it."""

import json

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.gateway.answers.rewriting import object_of, send_whole
from agentroster.json_values import as_object
from agentroster.messages import say
from agentroster.web.error_forms import anthropic_error, is_anthropic, new_request_id

_FIRST_ERROR = 400


class AnthropicErrors:
    """Names each request of that interface (header `request-id`), and rewrites its errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app."""
        is_concerned = scope["type"] == "http" and is_anthropic(scope["path"])
        await self._app(scope, receive, _Rewritten(send).send if is_concerned else send)


class _Rewritten:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._request_id = new_request_id()
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message.setdefault("headers", []))["request-id"] = self._request_id
            if message["status"] >= _FIRST_ERROR:
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
            return
        await self._send(message)

    async def _finish(self, start: Message) -> None:
        # In OpenAI's form, or in Anthropic's already.
        text = as_object(as_object(object_of(self._body)).get("error")).get("message")
        told = text if isinstance(text, str) else say("gateway.request_failed")
        body = json.dumps(anthropic_error(start["status"], told, self._request_id)).encode()
        await send_whole(self._send, start, body, content_type="application/json")
