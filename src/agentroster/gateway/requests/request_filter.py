"""Filters requests before LiteLLM: the key, an allow-list of paths, clean bodies. Pure ASGI."""

import asyncio
import json
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.errors import FieldInvalid, ModelNotFound, NotFound, RosterError, WrongMethod
from agentroster.gateway.model_names import ModelNames
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.agent_detours import refuse_detours
from agentroster.gateway.requests.body import cleaned, is_agent
from agentroster.gateway.requests.chat_secrets import ChatSecrets
from agentroster.gateway.requests.direct_body import check_direct
from agentroster.gateway.requests.large_bodies import LargeBodies
from agentroster.gateway.requests.picture_body import MAX_TIMES, PictureBody, last_lacks_pictures
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.identity.open_requests import note_caller
from agentroster.identity.presented_key import presented_key, with_one_key
from agentroster.identity.vain_user import NOTICE_HEADER, VainUsers
from agentroster.messages import say
from agentroster.web.error_forms import error_response
from agentroster.web.request_body import (
    LARGE_BYTES,
    BodyLimits,
    check_size,
    declared_bytes,
    parsed_object,
    read_body,
    too_large,
)

_COUNT_PATH = "/v1/messages/count_tokens"
POST_PATHS = frozenset(
    {
        f"{prefix}/{name}"
        for prefix in ("", "/v1")
        for name in ("chat/completions", "completions", "responses", "messages", "embeddings")
    }
) | {_COUNT_PATH}
_GET_PATHS = frozenset({"/models", "/v1/models"})
_MODEL = ("/v1/models/", "/models/")
_PUBLIC_PATHS = frozenset({"/health/liveliness", "/health/liveness", "/health/readiness"})
_POLICY_VIOLATION = 1008
_MAX_MODEL_NAME = 500


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods of a path that a client of models uses; none for every other path."""
    if path in POST_PATHS:
        return ("POST",)
    return ("GET", "HEAD") if path in _GET_PATHS or path.startswith(_MODEL) else ()


@dataclass(frozen=True, eq=False)
class RequestFilter:
    """Lets through what an OpenAI client needs; everything else of LiteLLM is 404 before LiteLLM sees it.

    Where there is a `lane`, chat completions with agents go to it, as the cleaned body of the request's context.
    """

    app: ASGIApp
    _: KW_ONLY
    authenticator: Authenticator
    secrets: ChatSecrets
    limits: BodyLimits
    large_bodies: LargeBodies
    names: ModelNames
    expose_all: bool
    lane: ASGIApp | None = None
    _parsing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _vain_users: VainUsers = field(default_factory=VainUsers, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error in OpenAI's form."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        context = RequestContext()
        context.read_headers(Headers(scope=scope).get)
        current.set(context)
        try:
            inner, receive = await self._admit(scope, receive, context)
        except RosterError as error:
            # Nobody reads what is left of the body.
            closes = scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not context.body_read
            await error_response(error, closes=closes)(scope, receive, send)
            return
        notice = self._vain_users.notice(context.caller, scope["headers"]) if context.caller else ""
        app = self.app if self.lane is None or context.body is None else self.lane
        await app(inner, receive, _with_notice(send, notice) if notice else send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self.expose_all:
            await self.app(scope, receive, send)
            return
        # Before it is accepted, this refuses the handshake with 403.
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": say("gateway.nothing_here")})

    async def _admit(self, scope: Scope, receive: Receive, context: RequestContext) -> tuple[Scope, Receive]:
        path, method = scope["path"], scope["method"]
        is_reading = method in {"GET", "HEAD", "OPTIONS"}
        if path in POST_PATHS and method == "POST":
            context.caller = caller = await self._caller(scope)
            return await self._cleaned(scope, receive, context, caller)
        if path in _GET_PATHS and method in methods_of(path):
            context.caller = await self._caller(scope)
            return {**scope, "headers": _known_caller(scope)}, receive
        if (allowed := methods_of(path)) and method not in allowed:
            allow = ", ".join(allowed)
            refusal = say("gateway.method_not_possible", method=_shown(method), allowed=allow)
            raise WrongMethod(refusal, allow=allow)
        if not self.expose_all and not (is_reading and path in _PUBLIC_PATHS):
            raise NotFound(say("gateway.nothing_at", method=method, path=_shown(path)))
        return {**scope, "headers": _headers(scope)}, receive

    async def _caller(self, scope: Scope) -> Caller:
        caller = await self.authenticator.admit(scope["headers"], _address(scope))
        note_caller(caller)
        return caller

    async def _cleaned(
        self, scope: Scope, receive: Receive, context: RequestContext, caller: Caller
    ) -> tuple[Scope, Receive]:
        """Read the body within the limits, refuse what is no JSON object, clean requests to agents."""
        size = declared_bytes(scope["headers"])
        # A chat may be over the limit by its old pictures, which are left out.
        check_size((size or 0) // MAX_TIMES, self.limits)
        is_large = size is None or size >= LARGE_BYTES
        person = (caller.key_id, caller.issuer, caller.user)
        with self.large_bodies.reading(person, _address(scope)) if is_large else nullcontext():
            body = PictureBody(self.limits.max_bytes)
            raw = await read_body(receive, self.limits, body)
            context.body_read = True
            context.pictures_left_out = bool(body.left_out)
            if len(raw) < LARGE_BYTES:
                raw = self._clean_body(scope["path"], raw, context)
            else:
                # One after the other: the parser lets go of the interpreter only at its end.
                async with self._parsing:
                    raw = await asyncio.to_thread(self._clean_body, scope["path"], raw, context)
        headers = [*_known_caller(scope), _JSON, (b"content-length", str(len(raw)).encode())]
        # LiteLLM would prefer a model in the query to the one in the body.
        return {**scope, "headers": headers, "query_string": b""}, _replayed(raw, receive, context)

    def _clean_body(self, path: str, raw: bytes, context: RequestContext) -> bytes:
        """Return the body as LiteLLM gets it; notes in the context what it is. May run in a thread."""
        given, raw = parsed_object(raw)
        body, context.pasted = self.secrets.cut(given)
        model = body.get("model")
        if not isinstance(model, str):
            problem = "is missing: GET /v1/models lists the names."
            raise FieldInvalid("model", problem, code="missing_required_parameter")
        if len(model) > _MAX_MODEL_NAME:
            raise ModelNotFound(say("gateway.model_name_too_long"))
        if "," in model:
            raise FieldInvalid("model", "must not be a list: one request is for one model.")
        endpoint = path.removeprefix("/v1").strip("/")
        if is_agent(model):
            if context.caller is not None:
                self.names.check_agent(model, context.caller)
            body = cleaned(endpoint, body)
            context.is_run = True
        else:
            refuse_detours(body)
            check_direct(endpoint, body)
        if context.pictures_left_out and (not context.is_run or last_lacks_pictures(given)):
            raise too_large(self.limits)
        context.model = model
        if context.is_run and self.lane is not None and endpoint == "chat/completions":
            context.body = body
            return b""
        return raw if body is given else json.dumps(body).encode()


# LiteLLM would read the same bytes as a form if the client called them one.
_JSON = (b"content-type", b"application/json")
_BODY_HEADERS = frozenset({b"content-type", b"content-encoding", b"transfer-encoding", b"expect"})


def _with_notice(send: Send, notice: str) -> Send:
    async def noticed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), (NOTICE_HEADER, notice.encode())]}
        await send(message)

    return noticed


def _address(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if not _is_dropped(name)]


def _known_caller(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers with the caller's key in one of them, and nothing about the body."""
    kept = (pair for pair in _headers(scope) if pair[0] not in _BODY_HEADERS)
    return with_one_key(kept, presented_key(scope["headers"]))


def _is_dropped(name: bytes) -> bool:
    # LiteLLM obeys headers of its own (retries, timeouts, tags); its call id stays, it only names the call.
    # It would also compress answers, which we read on their way out; a reverse proxy can do that.
    # Pages of other origins are our matter (`cors`): LiteLLM would permit them all.
    steering = name.startswith(b"x-litellm-") and name != b"x-litellm-call-id"
    return steering or name in {b"content-length", b"accept-encoding", b"origin"}


def _replayed(raw: bytes, receive: Receive, context: RequestContext) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            # Later calls wait for the client to go away.
            message = await receive()
            if message["type"] == "http.disconnect":
                context.disconnect()
            return message
        given = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return replay


def _shown(path: str) -> str:
    return path if len(path) <= 100 else f"{path[:100]}..."  # noqa: PLR2004
