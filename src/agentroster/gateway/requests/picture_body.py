"""Gathers a body that may be over the limit by old pictures: the oldest are left out as they come.

Clients send every picture of a chat with each message. Without this a chat with some photographs would be refused for
ever, whatever is written in it. A picture that is left out keeps its address without data, `data:image/png;base64,`.
"""

import re

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.net.limited_body import LimitedBody, OverLimit

MAX_TIMES = 10
"""So many times the limit may be sent, pictures included."""

_MARK, _HEAD = b";base64,", re.compile(rb"data:image/[a-z0-9.+-]{1,40}\Z")
_MAX_HEAD = 60
_DATA = re.compile(rb"(?:[A-Za-z0-9+/=_-]++|\\/)*+")
_LEAST_BYTES = 4_096
_ROOM = 0.75
"""Of the limit, so that there is room for what comes next: each time costs a pass over the body."""


class PictureBody(LimitedBody):
    """What has come of a body, without its oldest pictures where it would be too large with them."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(MAX_TIMES * max_bytes)
        self.left_out = 0
        self._limit = max_bytes
        self._received = 0
        self._pictures: list[tuple[int, int]] = []
        self._scanned: int = 0
        self._open: tuple[int, int] | None = None

    def add(self, chunk: bytes) -> None:
        """Add a chunk. Raises OverLimit when no picture can be left out any more."""
        self._received += len(chunk)
        self.data += chunk
        self._scan()
        if len(self.data) > self._limit:
            self._leave_out()
        # One that is still coming may be left out later.
        limit = self._limit * (1 if self._open is None else 2)
        if len(self.data) > limit or self._received > MAX_TIMES * self._limit:
            raise OverLimit

    def close(self) -> None:
        """End the body. Raises OverLimit."""
        if len(self.data) > self._limit:
            raise OverLimit

    def _scan(self) -> None:
        while True:
            if self._open is None:
                mark = self.data.find(_MARK, self._scanned)
                if mark == -1:
                    self._scanned = max(self._scanned, len(self.data) - len(_MARK) + 1)
                    return
                begin = self._scanned = mark + len(_MARK)
                if _HEAD.search(self.data, max(0, mark - _MAX_HEAD), mark) is None:
                    continue
                self._open = begin, begin
            begin, reached = self._open
            found = _DATA.match(self.data, reached)
            end = found.end() if found else reached
            if end >= len(self.data) - 1:
                # Perhaps half of an escaped slash has come.
                self._open = begin, end
                return
            self._open, self._scanned = None, end
            if end - begin >= _LEAST_BYTES:
                self._pictures.append((begin, end))

    def _leave_out(self) -> None:
        excess = len(self.data) - int(self._limit * _ROOM)
        count, freed = 0, 0
        while count < len(self._pictures) and freed < excess:
            begin, end = self._pictures[count]
            freed, count = freed + end - begin, count + 1
        taken, self._pictures = self._pictures[:count], self._pictures[count:]
        if not taken:
            return
        kept, position = bytearray(self.data[: taken[0][0]]), taken[0][1]
        for begin, end in taken[1:]:
            kept += self.data[position:begin]
            position = end
        kept += self.data[position:]
        self.data = kept
        self.left_out += count
        self._pictures = [(begin - freed, end - freed) for begin, end in self._pictures]
        self._scanned -= freed
        if self._open is not None:
            self._open = self._open[0] - freed, self._open[1] - freed


def is_left_out(url: object) -> bool:
    """Whether this is the address of a picture that was left out."""
    return isinstance(url, str) and url.startswith("data:image/") and url.endswith(";base64,")


def last_lacks_pictures(body: dict[str, object]) -> bool:
    """Whether a picture of the newest message was left out: it alone is too large, or they are too many."""
    last = as_list(body.get("messages") or body.get("input"))[-1:]
    return _lacks(last)


def _lacks(value: object) -> bool:
    if is_list(value):
        return any(map(_lacks, value))
    if is_object(value):
        return any(map(_lacks, as_object(value).values()))
    return is_left_out(value)
