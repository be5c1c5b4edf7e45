"""Makes the address a request comes from known to the code that records it."""

import ipaddress
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_address: ContextVar[str] = ContextVar("peer_address", default="")


def peer_address() -> str:
    """Return the address of the peer, or an empty text where there is none."""
    return _address.get()


class PeerAddress:
    """Records the address of each request; behind a reverse proxy that uvicorn trusts, the one it forwards."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the address, and run the inner app."""
        client = scope.get("client")
        _address.set(_valid(client[0]) if client else "")
        await self._app(scope, receive, send)


def _valid(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""  # `X-Forwarded-For` may hold anything
