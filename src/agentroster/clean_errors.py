"""The last word on every error LiteLLM sends: OpenAI's form, a plain sentence, no traceback, no secret."""

import json
import re
from typing import Any, cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.logs import redactor
from agentroster.provider.exchange import current

_FIRST_ERROR, _FIRST_SERVER_ERROR = 400, 500
_OWN_PREFIX = re.compile(r"^(?:Invalid request format: )?(?:litellm\.\w+: )+")
_INTERNALS = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|This looks like a bug in LiteLLM|File \"/).*", re.DOTALL
)
_PYTHON_SLIP = re.compile(r"object has no attribute|object is not (?:iterable|subscriptable)|NoneType")
_UNKNOWN_MODEL = re.compile(
    r"passed in model=(.{1,100}?)\. There are no healthy|Invalid model name passed in model=(.{1,100}?)\."
)
_GENERIC = {
    True: "The proxy failed to answer this request; the operator finds why in the log.",
    False: "This request was refused.",
}


class CleanErrors:
    """Rewrites error responses on their way out; successful ones pass untouched, streams included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app, holding back an answer whose status is an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held(scope, receive, send)
        await self._app(scope, receive, held.send)


class _Held:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= _FIRST_ERROR:
            self._start = message
        elif self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._cleaned(self._start)(self._scope, self._receive, self._send)

    def _cleaned(self, start: Message) -> JSONResponse:
        status, error = clean(start["status"], self._body)
        response = JSONResponse({"error": error}, status_code=status)
        dropped = {b"content-length", b"content-type"}
        response.raw_headers += [pair for pair in start.get("headers", []) if pair[0].lower() not in dropped]
        exchange = current.get()
        response.headers.update(exchange.error_headers if exchange else {})
        return response


def clean(status: int, body: bytes) -> tuple[int, dict[str, Any]]:
    """Return status and error object for the client, from what LiteLLM was about to send."""
    error = _error_object(body)
    message = str(error.get("message") or "")
    if match := _UNKNOWN_MODEL.search(message):
        name = match[1] or match[2]
        text = f"There is no model {name!r}: GET /v1/models lists those you may use."
        return 404, {"message": text, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    text = redactor.clean(_INTERNALS.sub("", _OWN_PREFIX.sub("", message))).strip()
    if not text or _PYTHON_SLIP.search(text):
        text = _GENERIC[status >= _FIRST_SERVER_ERROR]
    kind = error.get("type")
    return status, {
        "message": text,
        "type": kind if isinstance(kind, str) and kind != "None" else "invalid_request_error",
        "param": error.get("param") if error.get("param") != "None" else None,
        "code": error.get("code") or str(status),
    }


def _error_object(body: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(body)
    except ValueError:
        return {}
    error = cast("dict[str, object]", value).get("error") if isinstance(value, dict) else None
    if isinstance(error, dict):
        return cast("dict[str, Any]", error)
    fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    text = next((fields[name] for name in ("error", "detail", "message") if isinstance(fields.get(name), str)), "")
    return {"message": text}
