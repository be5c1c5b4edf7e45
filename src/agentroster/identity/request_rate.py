"""Limits how often somebody may ask: token buckets in the memory of one process."""

import math
import time
from collections.abc import Callable, Hashable

from agentroster.lru import LruDict

_MAX_BUCKETS = 10_000
_SECONDS = 60.0


class RequestRate:
    """Permits so many requests a minute for each name; a whole minute's worth may come at once. 0 permits all."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # Name -> tokens left, and when that was so. The longest unused ones are at the front.
        self._buckets = LruDict[Hashable, tuple[float, float]](_MAX_BUCKETS)

    def take(self, name: Hashable) -> int:
        """Take one request; return 0 when it is permitted, else after how many whole seconds the next one is."""
        if not self._per_minute:
            return 0
        now = self._clock()
        left = self._left(name, now)
        permitted = left >= 1
        self._buckets[name] = (left - 1 if permitted else left, now)
        return 0 if permitted else max(1, math.ceil((1 - left) * _SECONDS / self._per_minute))

    def is_exhausted(self, name: Hashable) -> bool:
        """Whether `take` would refuse, without taking."""
        return bool(self._per_minute) and name in self._buckets and self._left(name, self._clock()) < 1

    def _left(self, name: Hashable, now: float) -> float:
        tokens, since = self._buckets.get(name, (float(self._per_minute), now))
        return min(float(self._per_minute), tokens + (now - since) * self._per_minute / _SECONDS)
