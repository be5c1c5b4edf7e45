"""What stands before LiteLLM: an allow-list of paths, a size limit, and clean request bodies. Pure ASGI."""

import json
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.errors import BadInput, NotFound, RosterError, TooLarge
from agentroster.provider.agent_detours import refuse_detours
from agentroster.provider.body import cleaned, is_agent
from agentroster.provider.chat_secrets import ChatSecrets
from agentroster.provider.exchange import Exchange, current

_POST_PATHS = frozenset(
    {
        f"{prefix}/{name}"
        for prefix in ("", "/v1")
        for name in ("chat/completions", "completions", "responses", "messages", "embeddings")
    }
)
_GET_PATHS = frozenset({"/models", "/v1/models"})
_PUBLIC_PATHS = frozenset({"/health/liveliness", "/health/liveness", "/health/readiness"})


class FrontDoor:
    """Lets through what an OpenAI client needs; everything else of LiteLLM is 404 before LiteLLM sees it."""

    def __init__(self, app: ASGIApp, *, secrets: ChatSecrets, most_bytes: int, expose_all: bool) -> None:
        self._app = app
        self._secrets = secrets
        self._most_bytes = most_bytes
        self._expose_all = expose_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error in OpenAI's form."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan" or self._expose_all:
                await self._app(scope, receive, send)
            return
        exchange = Exchange()
        exchange.read_headers(Headers(scope=scope).get)
        current.set(exchange)
        try:
            scope, receive = await self._admit(scope, receive, exchange)
        except RosterError as error:
            await error_response(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, exchange: Exchange) -> tuple[Scope, Receive]:
        path, method = scope["path"], scope["method"]
        if path in _POST_PATHS and method == "POST":
            return await self._cleaned(scope, receive, exchange)
        allowed = method in {"GET", "HEAD", "OPTIONS"} and (path in _PUBLIC_PATHS or path in _GET_PATHS)
        if not allowed and not self._expose_all:
            raise NotFound(f"There is nothing at {method} {_shown(path)}.")
        return {**scope, "headers": _headers(scope)}, receive

    async def _cleaned(self, scope: Scope, receive: Receive, exchange: Exchange) -> tuple[Scope, Receive]:
        """Read the body within the limit, refuse what is no JSON object, clean requests to agents."""
        raw = await _read_body(receive, self._most_bytes)
        given = _parsed(raw)
        body, exchange.pasted = self._secrets.cut(given)
        model = body.get("model")
        if not isinstance(model, str):
            raise BadInput("`model` is missing: GET /v1/models lists the names.")
        if "," in model:
            raise BadInput("One request is for one model: `model` must not be a list.")
        if is_agent(model):
            body = cleaned(scope["path"].removeprefix("/v1").strip("/"), body)
            raw = json.dumps(body).encode()
            exchange.is_run = True
        else:
            refuse_detours(body)
            if body is not given:
                raw = json.dumps(body).encode()
        exchange.model = model
        headers = [*_headers(scope), (b"content-length", str(len(raw)).encode())]
        return {**scope, "headers": headers}, _replayed(raw, receive, exchange)


def error_response(error: RosterError) -> JSONResponse:
    """Return an error in OpenAI's form."""
    kind = "invalid_request_error" if error.status < 500 else "api_error"  # noqa: PLR2004 - first server error
    body = {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}
    return JSONResponse(body, status_code=error.status)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if not _is_dropped(name)]


def _is_dropped(name: bytes) -> bool:
    # LiteLLM obeys headers of its own (retries, timeouts, tags); its call id stays, it only names the call.
    # It would also compress answers, which we read on their way out; a reverse proxy can do that.
    steering = name.startswith(b"x-litellm-") and name != b"x-litellm-call-id"
    return steering or name in {b"content-length", b"accept-encoding"}


async def _read_body(receive: Receive, most_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before its body was complete.")
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise TooLarge(f"The request is larger than {most_bytes / 1e6:g} MB: send less, or fewer images.")
        if not message.get("more_body"):
            return bytes(body)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise BadInput("The request body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadInput("The request body must be a JSON object.")
    return cast("dict[str, Any]", value)


def _replayed(raw: bytes, receive: Receive, exchange: Exchange) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            # Later calls wait for the client to go away.
            message = await receive()
            if message["type"] == "http.disconnect":
                exchange.client_gone()
            return message
        given = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return replay


def _shown(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:100]}..."  # noqa: PLR2004
