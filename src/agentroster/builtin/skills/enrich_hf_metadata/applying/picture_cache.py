"""Keeps the pictures of one run: each is fetched once, also where thousands of files share it."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from agentroster.errors import RosterError
from agentroster.net.concurrency_limiter import ConcurrencyLimiter

_MAX_BYTES, _MAX_PICTURES = 60_000_000, 5_000


class PictureCache:
    """Keeps the latest pictures, and why others cannot be had."""

    def __init__(self, download: Callable[[str], Awaitable[bytes]]) -> None:
        """`download` fetches a picture, or raises a RosterError."""
        self._download = download
        self._fetching = ConcurrencyLimiter(1)
        self._known: OrderedDict[str, bytes | RosterError] = OrderedDict()
        self._bytes = 0

    async def get(self, url: str) -> bytes:
        """Return a picture. Raises what its download raised, again for each who asks."""
        async with self._fetching.taken(url):
            if url not in self._known:
                self._keep(url, await self._fetched(url))
            self._known.move_to_end(url)
            found = self._known[url]
        if isinstance(found, RosterError):
            raise found
        return found

    async def _fetched(self, url: str) -> bytes | RosterError:
        try:
            return await self._download(url)
        except RosterError as error:
            return error

    def _keep(self, url: str, found: bytes | RosterError) -> None:
        self._known[url] = found
        self._bytes += _size(found)
        while len(self._known) > 1 and (self._bytes > _MAX_BYTES or len(self._known) > _MAX_PICTURES):
            _, dropped = self._known.popitem(last=False)
            self._bytes -= _size(dropped)


def _size(found: bytes | RosterError) -> int:
    return len(found) if isinstance(found, bytes) else 0
