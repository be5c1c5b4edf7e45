"""The bytes of an answer, decoded within bounds: people name their own servers, so none may fill the memory."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import suppress

import httpx

from agentroster.llm.dialects.frames import NotRead
from agentroster.net.limited_body import LimitedBody, OverLimit
from agentroster.net.response_body import ResponseBody

MAX_ERROR_BYTES = 65_536
_ERROR_SECONDS = 2.0
_STEP_BYTES = 65_536
# Not asked for, but some gateways send it all the same. 47: gzip and zlib by their own header.
_WINDOWS = {"gzip": 47, "x-gzip": 47, "deflate": 47}


class Decoder:
    """Undoes the `content-encoding` of a body."""

    def __init__(self, headers: httpx.Headers) -> None:
        """Raise NotRead for an encoding that nobody asked for."""
        self._encoding = headers.get("content-encoding", "").strip().lower()
        self._zlib = None
        if self._encoding not in {"", "identity"}:
            if self._encoding not in _WINDOWS:
                raise self._unread()
            self._zlib = zlib.decompressobj(_WINDOWS[self._encoding])

    def steps(self, chunk: bytes) -> Iterator[bytes]:
        """Yield a chunk, or what it stands for in steps of at most 64 kB. Raises NotRead."""
        if self._zlib is None:
            yield chunk
            return
        while chunk:
            try:
                step = self._zlib.decompress(chunk, _STEP_BYTES)
            except zlib.error as error:
                raise self._unread() from error
            if step:
                yield step
            chunk = self._zlib.unconsumed_tail

    def _unread(self) -> NotRead:
        return NotRead(f"content-encoding: {self._encoding}")


async def error_bytes(body: ResponseBody, headers: httpx.Headers) -> bytes:
    """Return the beginning of an error's body: enough for its reason, however long or slow it is."""
    begun = LimitedBody(MAX_ERROR_BYTES)
    # The status has said what counts.
    with suppress(NotRead, OverLimit, TimeoutError, httpx.TransportError):
        decoder = Decoder(headers)
        async with asyncio.timeout(_ERROR_SECONDS):
            while chunks := await body.take():
                for step in (step for chunk in chunks for step in decoder.steps(chunk)):
                    begun.add(step)
    return bytes(begun.data)
