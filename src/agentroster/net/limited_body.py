"""Gathers the bytes of a body, of a request or a response, up to a limit."""

from collections.abc import AsyncIterable


class OverLimit(Exception):
    """A body has more bytes than it may have."""


class LimitedBody:
    """What has been read of a body; `data` may be over the limit by the chunk that showed it."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self._max_bytes = max_bytes

    async def read(self, chunks: AsyncIterable[bytes]) -> bytes:
        """Read to the end and return all of it. Raises OverLimit as soon as it is too long."""
        async for chunk in chunks:
            self.data += chunk
            if len(self.data) > self._max_bytes:
                raise OverLimit
        return bytes(self.data)
