"""The HTTP server: uvicorn, with one line when it is ready and a quiet end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from agentroster.gateway.http_protocol import WireLimits, limited_protocol
from agentroster.gateway.leaving import leave
from agentroster.operating_system.processes import raise_file_limit

logger = logging.getLogger(__name__)

# Nobody has much to say on our WebSockets.
_MAX_FRAME_BYTES = 65_536
_OTHER_FILES = 256

_LAST_SECONDS = 7
"""For the last words of ended answers: they have been told to end already."""


def server_config(app: ASGIApp, limits: WireLimits, trusted_proxies: Sequence[str] = ()) -> uvicorn.Config:
    """Return uvicorn's settings; no access log, because it would print query strings."""
    # Both sides of a connection are open files.
    raise_file_limit(2 * limits.max_connections + _OTHER_FILES)
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
        timeout_graceful_shutdown=_LAST_SECONDS,
        server_header=False,
    )


class Server(uvicorn.Server):
    """Calls `announce` once it listens; SIGINT and SIGTERM end it without being raised again, after `stop`."""

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._stop = stop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self.unanswered = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then announce beside serving."""
        await super().startup(sockets)
        if self.started:
            self._loop = asyncio.get_running_loop()
            self._tasks.append(asyncio.create_task(self._announce_or_exit()))

    async def _announce_or_exit(self) -> None:
        try:
            await self._announce()
        except Exception:
            if self._is_stopping:
                return
            logger.exception("the proxy started but does not answer")
            self.unanswered = True
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin a graceful end; a second Ctrl-C ends at once."""
        if self._is_stopping:
            if sig == signal.SIGINT:
                self.force_exit = self.should_exit = True
            return
        if self._loop is None:
            leave(sig, frame)
        self._is_stopping = True
        # The listener stays open meanwhile: who asks now is told to ask again.
        self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        self._tasks.append(asyncio.create_task(self._end()))

    async def _end(self) -> None:
        try:
            await self._stop()
        finally:
            self.should_exit = True
