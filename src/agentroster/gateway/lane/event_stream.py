"""Sends an answer as server-sent events, with a comment where nothing was sent for a while.

Source: HTML standard, "Server-sent events": a line that begins with a colon is a comment, against proxies that end
connections on which nothing moves. Pure ASGI.
"""

import asyncio

from starlette.types import Send

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # For nginx, which would gather the answer.
    (b"x-accel-buffering", b"no"),
]
_PING = b": ping\n\n"


class EventStream:
    """Starts the response with its first frame, so that a failure before it still has a status of its own."""

    def __init__(self, send: Send, ping_seconds: float) -> None:
        self._send = send
        self._ping_seconds = ping_seconds
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(ping_seconds, self._look)
        self._ping: asyncio.Task[None] | None = None
        self.is_started = False

    async def send(self, frames: bytes, *, more: bool = True) -> None:
        """Send frames."""
        self._last = self._loop.time()
        if not self.is_started:
            self.is_started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await self._send({"type": "http.response.body", "body": frames, "more_body": more})

    async def end(self, frames: bytes) -> None:
        """Send the last frames."""
        self.close()
        await self.send(frames, more=False)

    def close(self) -> None:
        """Send no comment any more."""
        self._timer.cancel()
        if self._ping is not None:
            self._ping.cancel()

    def _look(self) -> None:
        silent = self._loop.time() - self._last
        if silent >= self._ping_seconds:
            self._ping = self._loop.create_task(self.send(_PING))
            silent = 0.0
        self._timer = self._loop.call_later(self._ping_seconds - silent, self._look)
