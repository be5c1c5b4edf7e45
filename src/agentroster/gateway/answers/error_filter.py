"""Rewrites every error LiteLLM sends: OpenAI's form, a plain sentence, no traceback, no secret."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.errors import ModelNotFound
from agentroster.gateway.answers.rewriting import is_stream, object_of
from agentroster.gateway.model_names import ModelNames
from agentroster.gateway.request_context import RequestContext, current
from agentroster.json_values import is_object
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.web.error_forms import PublicError, Unexpected, public_error

logger = logging.getLogger(__name__)

_MAX_TEXT = 2000
_BEFORE_AN_EXCEPTION = b"Internal Server Error"
_FIRST_ERROR, _FIRST_SERVER_ERROR = 400, 500
_NO_SUCH_MODEL = frozenset({403, 404})
_OWN_PREFIX = re.compile(r"^(?:Invalid request format: )?(?:litellm\.\w+: )+")
_INTERNALS = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|This looks like a bug in LiteLLM|File \"/).*", re.DOTALL
)
_PYTHON_SLIP = re.compile(
    r"object has no attribute|object is not (?:iterable|subscriptable)|NoneType|got multiple values for argument"
    r"|indices must be|^'\w+'$"
)
_UNKNOWN_MODEL = re.compile(
    r"passed in model=(.{1,500}?)\. There are no healthy|Invalid model name passed in model=(.{1,500}?)\."
)


class ErrorFilter:
    """Rewrites error responses on their way out; successful ones pass untouched, streams included."""

    def __init__(self, app: ASGIApp, names: ModelNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app, holding back an answer until it is known whether it is an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = _Held(scope, receive, send, self._names)
        try:
            await self._app(scope, receive, held.send)
            await held.finish()
        except Exception as error:
            refusal = _refusal_behind(error)
            if refusal is None:
                logger.exception("LiteLLM failed to answer")
            await held.fail(refusal)


class _Held:
    """An answer that is held back: an error until it is whole, a stream until its run has begun."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, names: ModelNames) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._context = current.get() or RequestContext()
        self._names = names
        self._waiting: list[Message] = []
        self._passing = False
        self._answered = False

    async def send(self, message: Message) -> None:
        if self._passing:
            await self._send(self._clean_frame(message))
            return
        if self._answered:
            return
        self._waiting.append(message)
        ended = message["type"] == "http.response.body" and not message.get("more_body")
        if self._context.failure is not None and not self._context.started and is_stream(self._waiting[0]):
            # Some of LiteLLM's streams begin with 200 before the run has said a word.
            await self._answer(self._context.failure)
        elif self._status() >= _FIRST_ERROR:
            body = b"".join(message.get("body", b"") for message in self._waiting) if ended else b""
            # After these words comes the exception itself, which may say more.
            if ended and body != _BEFORE_AN_EXCEPTION:
                await self._answer(self._context.failure or clean(self._status(), body))
        elif ended or self._context.started or not self._context.is_run or b": ping" in message.get("body", b""):
            await self._pass_on()

    def _clean_frame(self, message: Message) -> Message:
        """Put our own words into an error frame in the middle of a stream."""
        body = message.get("body", b"")
        if b'"event"' in body and not self._context.is_run:
            return {**message, "body": without_events(body)}
        if not body.startswith(b'data: {"error"'):
            return message
        if self._context.failure is not None:
            body = f"data: {json.dumps({'error': self._context.failure.body})}\n\n".encode()
        # LiteLLM leaves it out after an error, and some clients wait for it.
        is_openai = not self._scope["path"].endswith("/messages")
        return {**message, "body": body + b"data: [DONE]\n\n" * (is_openai and b"data: [DONE]" not in body)}

    async def finish(self) -> None:
        """Send what is still held back: the inner app has ended."""
        if self._waiting and not self._passing and not self._answered:
            await self.fail(None)

    async def fail(self, refusal: PublicError | None) -> None:
        """Answer after an exception, unless an answer is already on its way."""
        if not self._passing and not self._answered:
            await self._answer(self._context.failure or refusal or public_error(Unexpected()))

    def _status(self) -> int:
        return int(self._waiting[0].get("status", 500))

    async def _pass_on(self) -> None:
        self._passing = True
        for message in self._waiting:
            await self._send(message)

    async def _answer(self, error: PublicError) -> None:
        self._answered = True
        error = self._with_hint(error)
        response = JSONResponse({"error": error.body}, error.status)
        dropped = {b"content-length", b"content-type", b"cache-control"}
        kept: list[tuple[bytes, bytes]] = self._waiting[0].get("headers", []) if self._waiting else []
        response.raw_headers += [pair for pair in kept if pair[0].lower() not in dropped]
        response.headers.update(error.headers)
        await response(self._scope, self._receive, self._send)

    def _with_hint(self, error: PublicError) -> PublicError:
        """Name the model that may be meant by one that does not exist; a key with a list gets 403 for such a name."""
        name, caller = self._context.model, self._context.caller
        if self._context.is_run or name is None or caller is None or error.status not in _NO_SUCH_MODEL:
            return error
        if self._names.is_known(name) or not (hint := self._names.hint(name, caller)):
            return error
        return unknown_model(name, hint)


def unknown_model(name: str, hint: str = "") -> PublicError:
    """Return the error for a model that does not exist."""
    return public_error(ModelNotFound(say("gateway.model_unknown", name=name, hint=hint)))


def _refusal_behind(error: BaseException) -> PublicError | None:
    """Return a refusal by LiteLLM that it failed to word; None for a real failure.

    While it words a refusal of its authentication it imports `prisma`, which only deployments with its database have.
    """
    refused: BaseException | None = error
    while isinstance(refused, ModuleNotFoundError) and refused.name == "prisma":
        refused = refused.__context__
    if refused is error or refused is None:
        return None
    status = getattr(refused, "status_code", None) or getattr(refused, "code", None) or _FIRST_ERROR
    text = str(getattr(refused, "detail", None) or getattr(refused, "message", None) or refused)
    number = int(status) if str(status).isdigit() else _FIRST_ERROR
    return clean(number, json.dumps({"message": text.splitlines()[0] if text else ""}).encode())


def clean(status: int, body: bytes) -> PublicError:
    """Return the error for the client, from what LiteLLM was about to send."""
    error = _error_object(body)
    message = str(error.get("message") or "")
    if match := _UNKNOWN_MODEL.search(message):
        return unknown_model(match[1] or match[2])
    text = redactor.clean(_INTERNALS.sub("", _OWN_PREFIX.sub("", message))).strip()
    if len(text) > _MAX_TEXT:
        # LiteLLM repeats in its words what the client sent.
        text = f"{text[:_MAX_TEXT]}..."
    if not text or _PYTHON_SLIP.search(text):
        text = Unexpected().message if status >= _FIRST_SERVER_ERROR else say("gateway.refused")
    if status == _FIRST_SERVER_ERROR and "validation error for " in text:
        # LiteLLM's own models of a request: a field of it has a wrong type.
        status, text = _FIRST_ERROR, say("gateway.field_has_wrong_type")
    param = error.get("param") if error.get("param") != "None" else None
    return PublicError(status, text, str(error.get("code") or status), param)


def without_events(body: bytes) -> bytes:
    """Return frames of a direct model without a top-level `event`, which Open WebUI would obey: `execute` runs code."""
    return b"\n".join(_without_event(line) for line in body.split(b"\n"))


def _without_event(line: bytes) -> bytes:
    value = object_of(line[5:]) if line.startswith(b"data:") else None
    if value is None or "event" not in value:
        return line
    del value["event"]
    return b"data: " + json.dumps(value).encode()


def _error_object(body: bytes) -> Mapping[str, Any]:
    fields = object_of(body) or {}
    error = fields.get("error")
    if is_object(error):
        return error
    text = next((fields[name] for name in ("error", "detail", "message") if isinstance(fields.get(name), str)), "")
    return {"message": text}
