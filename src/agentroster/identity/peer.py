"""Makes the address a request comes from known to the code that records it."""

import ipaddress
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_address: ContextVar[str] = ContextVar("peer_address", default="")


def peer_address() -> str:
    """Return the address of the peer, or an empty text where there is none."""
    return _address.get()


class PeerAddress:
    """Notes the address of each request. Behind a proxy it is what that one says, if uvicorn trusts it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note, and pass on."""
        client = scope.get("client")
        _address.set(_valid(client[0]) if client else "")
        await self._app(scope, receive, send)


def _valid(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""  # `X-Forwarded-For` may hold anything
