"""Reads the body of a response in a task of its own.

So chunks that arrive together are handed out together, and a body that nobody needs any more is still read to its end,
without which the connection could not be used again (RFC 9112, section 9.3).
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import cast

import httpx

_MAX_WAITING_BYTES = 65_536
_REST_SECONDS, _REST_BYTES = 2.0, 65_536


class Bodies:
    """The bodies that are being read from one pool."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[None]]()

    def start(self, reading: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start to read a body."""
        task = asyncio.create_task(reading)
        # The event loop itself keeps only a weak reference.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Close their connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def reading(response: httpx.Response) -> AsyncGenerator["ResponseBody"]:
    """Read a response for the length of the block, and what is left of it in the background, within bounds.

    A block that is cancelled or closed closes the connection at once.
    """
    body = ResponseBody(response, response.extensions.get("bodies", _others))
    try:
        yield body
    except Exception:
        body.release()
        raise
    except BaseException:
        await body.aclose()
        raise
    else:
        body.release()


class ResponseBody:
    """The body of one response, for one reader."""

    def __init__(self, response: httpx.Response, bodies: Bodies) -> None:
        self.gathers = False
        """Whether chunks may come together; else the next is read when the reader asks for it."""
        self._response = response
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        self._rest_bytes = _REST_BYTES
        self._error: Exception | None = None
        self._is_over = self._is_released = False
        self._arrived, self._wanted = asyncio.Event(), asyncio.Event()
        self._task = bodies.start(self._read())

    async def take(self) -> list[bytes]:
        """Return the chunks that have arrived, once there are any; none at the end. Raises httpx.TransportError."""
        if not (self._chunks or self._is_over):
            self._arrived.clear()
            self._wanted.set()
            await self._arrived.wait()
        taken, self._chunks, self._waiting_bytes = self._chunks, [], 0
        if self._error is not None and not taken:
            raise self._error
        return taken

    def release(self) -> None:
        """Let the rest be read in the background; a rest that is long or late closes the connection."""
        self._is_released = True
        self._wanted.set()
        if not self._task.done():
            late = asyncio.get_running_loop().call_later(_REST_SECONDS, self._task.cancel)
            self._task.add_done_callback(lambda _: late.cancel())

    async def aclose(self) -> None:
        """Close the connection, unless the body has ended."""
        self._task.cancel()
        try:
            # Not `await self._task`: whoever cancels us again would cancel its cleanup.
            await asyncio.wait([self._task])
        finally:
            # A task that is cancelled before its first step closes nothing.
            await self._response.aclose()

    async def _read(self) -> None:
        try:
            await self._read_chunks()
        except Exception as error:  # noqa: BLE001 - the reader gets it
            self._error = error
        finally:
            # First, so that whoever has read to the end finds the connection free.
            await self._response.aclose()
            self._is_over = True
            self._arrived.set()

    async def _read_chunks(self) -> None:
        async for chunk in cast("httpx.AsyncByteStream", self._response.stream):
            if not self._is_released:
                self._chunks.append(chunk)
                self._waiting_bytes += len(chunk)
                self._arrived.set()
                if not self.gathers or self._waiting_bytes >= _MAX_WAITING_BYTES:
                    self._wanted.clear()
                    await self._wanted.wait()
                continue
            self._rest_bytes -= len(chunk)
            if self._rest_bytes < 0:
                return


_others = Bodies()
"""Those of transports that are not ours."""
