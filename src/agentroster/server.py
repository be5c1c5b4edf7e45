"""The HTTP server: uvicorn, with a word when it answers and a quiet end."""

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from agentroster.http_protocol import WireLimits, limited_protocol

logger = logging.getLogger(__name__)

# Nobody has much to say on our WebSockets.
_MAX_FRAME_BYTES = 65_536
_OTHER_FILES = 256


def server_config(
    app: ASGIApp, grace_seconds: int, limits: WireLimits, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """Return uvicorn's settings; no access log, because it would print query strings."""
    _raise_file_limit(limits.max_connections)
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        http=limited_protocol(limits),
        ws_max_size=_MAX_FRAME_BYTES,
        lifespan="on",
        # By default uvicorn believes what anybody on this machine says about the client's address.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=grace_seconds,
        server_header=False,
    )


def _raise_file_limit(connections: int) -> None:
    """Permit this process as many open files as its connections need, on both sides, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Server(uvicorn.Server):
    """Calls `announce` once it listens; SIGINT and SIGTERM end it without being raised again."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._announce = announce
        self._announcing: asyncio.Task[None] | None = None
        self.unanswered = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then announce beside serving."""
        await super().startup(sockets)
        if self.started:
            self._announcing = asyncio.create_task(self._announce_or_exit())

    async def _announce_or_exit(self) -> None:
        try:
            await self._announce()
        except Exception:
            logger.exception("the proxy started but does not answer")
            self.unanswered = True
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin a graceful end; a second Ctrl-C ends at once."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
