"""The HTTP server: uvicorn, with a word when it answers and a quiet end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

logger = logging.getLogger(__name__)


def server_config(app: ASGIApp, grace_seconds: int) -> uvicorn.Config:
    """Return uvicorn's settings; no access log, because it would print query strings."""
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        http="httptools",
        lifespan="on",
        timeout_graceful_shutdown=grace_seconds,
        server_header=False,
    )


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
