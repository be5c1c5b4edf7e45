"""Cross-origin requests of web pages (WHATWG Fetch, "CORS protocol"): only for origins that the operator names.

Keys travel in headers that a page's own script sets, never as cookies: `Access-Control-Allow-Credentials` is not sent,
so that a page can use a key it was given, and no other.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentroster.gateway.requests.request_filter import methods_of

_OWN = "/roster/api/"
_OWN_METHODS = "GET, HEAD, POST, PUT, DELETE"
_EXPOSED = ("retry-after", "request-id", "x-request-id", "x-litellm-call-id")
_EXPOSED_PREFIX = "x-roster-"
_MAX_AGE_SECONDS = "600"
_MAX_ASKED = 2000
_ALWAYS_ALLOWED = "authorization, content-type"


class Cors:
    """Answers preflights before anybody asks for a key, and marks answers for pages that may read them."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app; without an origin in the settings nothing is added."""
        methods = _methods(scope["path"]) if scope["type"] == "http" and self._origins else ""
        if not methods:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._allowed(headers.getlist("origin"))
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _answer_preflight(send, methods, allowed, headers.get("access-control-request-headers", ""))
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(MutableHeaders(raw=message.setdefault("headers", [])), allowed)
            await send(message)

        await self._app(scope, receive, marked)

    def _allowed(self, given: Sequence[str]) -> str:
        """Return what `Access-Control-Allow-Origin` says, empty for a page that may not read the answer."""
        if len(given) != 1:
            return ""
        if "*" in self._origins:
            return "*"
        return given[0] if given[0] in self._origins else ""


def _methods(path: str) -> str:
    return _OWN_METHODS if path.startswith(_OWN) else ", ".join(methods_of(path))


async def _answer_preflight(send: Send, methods: str, allowed: str, asked: str) -> None:
    # A page may send what headers it likes: none of them proves anything but a key.
    is_plain = len(asked) <= _MAX_ASKED and asked.isascii() and asked.isprintable()
    headers = MutableHeaders(
        {
            "access-control-allow-methods": methods,
            "access-control-allow-headers": asked if asked and is_plain else _ALWAYS_ALLOWED,
            "access-control-max-age": _MAX_AGE_SECONDS,
            "vary": "Origin, Access-Control-Request-Headers",
            "access-control-allow-origin": allowed,
        }
    )
    await send({"type": "http.response.start", "status": 204, "headers": headers.raw})
    await send({"type": "http.response.body", "body": b""})


def _mark(headers: MutableHeaders, allowed: str) -> None:
    varies = [name.strip() for name in headers.get("vary", "").split(",")]
    # LiteLLM names it in some answers already.
    headers["vary"] = ", ".join([name for name in varies if name and name.casefold() != "origin"] + ["Origin"])
    if not allowed:
        return
    own = [name for name in headers if name.startswith(_EXPOSED_PREFIX)]
    headers["access-control-allow-origin"] = allowed
    headers["access-control-expose-headers"] = ", ".join((*_EXPOSED, *own))
