"""Corrects successful answers where LiteLLM's form differs enough to break a client. Pure ASGI.

    /v1/completions   zero usage in each chunk is left out; `text`, `finish_reason` and `logprobs` are always there, the
                      last chunk with the usage has no choices
    /v1/responses     the model has the name that was asked for; events are numbered; a response that failed keeps what
                      was said
    /v1/messages      the id begins with `msg_`

Sources: OpenAI's and Anthropic's API references, "Streaming".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.gateway.answers.response_events import ResponseEvents
from agentroster.gateway.answers.rewriting import content_type, is_stream, object_of, send_whole
from agentroster.gateway.request_context import current

_Rewrite: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
_OK = 200


class AnswerForms:
    """Rewrites JSON answers and the frames of streams of three interfaces; everything else passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app."""
        rewrite = _rewrite_for(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        await self._app(scope, receive, _Rewritten(send, rewrite).send if rewrite else send)


def _rewrite_for(path: str) -> _Rewrite | None:
    match path.removeprefix("/v1").strip("/"):
        case "completions":
            return _completion
        case "responses":
            context = current.get()
            return ResponseEvents(context.model if context is not None else None).rewritten
        case "messages":
            return _message
        case _:
            return None


class _Rewritten:
    def __init__(self, send: Send, rewrite: _Rewrite) -> None:
        self._send = send
        self._rewrite = rewrite
        self._start: Message | None = None
        self._is_stream = False
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_stream = is_stream(message)
            if message["status"] == _OK and content_type(message).startswith("application/json"):
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
            return
        elif message["type"] == "http.response.body" and self._is_stream and b"data:" in message.get("body", b""):
            message = {**message, "body": b"\n".join(self._line(line) for line in message["body"].split(b"\n"))}
        await self._send(message)

    def _line(self, line: bytes) -> bytes:
        value = object_of(line[5:]) if line.startswith(b"data:") else None
        if value is None:
            return line
        rewritten = self._rewrite(value)
        return line if rewritten is value else b"data: " + json.dumps(rewritten, ensure_ascii=False).encode()

    async def _finish(self, start: Message) -> None:
        value = object_of(self._body)
        rewritten = value if value is None else self._rewrite(value)
        body = self._body if rewritten is value else json.dumps(rewritten, ensure_ascii=False).encode()
        await send_whole(self._send, start, body)


def _completion(value: dict[str, Any]) -> dict[str, Any]:
    if "choices" not in value:
        return value
    usage = cast("Mapping[str, object]", value.get("usage") or {})
    is_usage = any(usage.values())
    choices = cast("list[dict[str, Any]]", value["choices"])
    is_last = is_usage and all(choice.keys() <= {"index"} for choice in choices)
    kept = {name: inner for name, inner in value.items() if name != "usage" or is_usage}
    if str(kept.get("id", "")).startswith("chatcmpl-"):
        kept["id"] = f"cmpl-{kept['id'].removeprefix('chatcmpl-')}"
    defaults: dict[str, Any] = {"text": "", "logprobs": None, "finish_reason": None}
    return {**kept, "choices": [] if is_last else [{**defaults, **choice} for choice in choices]}


def _message(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") != "message" or str(value.get("id", "")).startswith("msg_"):
        return value
    return {**value, "id": f"msg_{uuid4().hex[:24]}"}
