"""Gathers the bytes of a body, of a request or a response, up to a limit."""


class OverLimit(Exception):
    """A body has more bytes than it may have."""


class LimitedBody:
    """What has come of a body."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self._max_bytes = max_bytes

    def add(self, chunk: bytes) -> None:
        """Add a chunk. Raises OverLimit as soon as it is too much; `data` is then the permitted beginning."""
        self.data += chunk
        if len(self.data) > self._max_bytes:
            del self.data[self._max_bytes :]
            raise OverLimit

    def close(self) -> None:
        """End the body. Raises OverLimit where that could not be told before."""
