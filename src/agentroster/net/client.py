"""The one HTTP client of the process: a shared connection pool, no proxies, no environment."""

import os
import ssl
from collections.abc import Collection
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from agentroster.net.dial import Dialer
from agentroster.net.response_body import Bodies

_CONNECT_SECONDS = 5.0
_MAX_CONNECTIONS, _MAX_IDLE, _IDLE_SECONDS = 200, 50, 30.0


def open_transport(trusted: Collection[tuple[str, int]] = ()) -> httpx.AsyncHTTPTransport:
    """Open the connection pool; it belongs to the event loop that uses it first.

    `trusted` are the (host, port) pairs that may have private addresses. `trust_env` is off because a proxy variable
    would bypass every address check; a private certificate authority is taken from `SSL_CERT_FILE` instead.
    """
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    return _Transport(context, Dialer(trusted))


def open_client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Open the client for everything but model calls, on the shared pool."""
    return httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(30.0, connect=_CONNECT_SECONDS),
        headers={"user-agent": "agentroster"},
        # The client is shared by all people: a cookie that one of them got must never be sent for another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class _Transport(httpx.AsyncHTTPTransport):
    """The pool, and the bodies that `reading` reads from it, which end with it."""

    def __init__(self, context: ssl.SSLContext, dialer: Dialer) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no parameter for the way to dial; a test watches that this pool is the one in use.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_IDLE,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=dialer,
        )
        self._bodies = Bodies()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        response.extensions["bodies"] = self._bodies
        return response

    async def aclose(self) -> None:
        await self._bodies.aclose()
        await super().aclose()
