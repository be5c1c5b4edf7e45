"""Decides which counts of a tool a client is shown: each is a line that stays."""

import time
from collections.abc import Callable

from agentroster.runs.chat import ToolProgress

Clock = Callable[[], float]

_MAX_SECONDS = 10.0
_LEAST_PART = 0.05


class Pace:
    """Shows counts about twenty times for each tool, and at least every ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def is_due(self, event: ToolProgress) -> bool:
        """Whether to show these counts."""
        now = self._clock()
        when, done = self._last.get(event.call_id, (now - _MAX_SECONDS, 0))
        waited, grown = now - when, event.done - done
        if waited < _MAX_SECONDS and grown < event.total * _LEAST_PART and event.done < event.total:
            return False
        self._last[event.call_id] = (now, event.done)
        return True


class SlowPace:
    """Shows a line only after ten seconds without one: it stands in the middle of an answer."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def begin(self) -> None:
        """Count from now."""
        self._last = self._clock()

    def is_due(self) -> bool:
        """Whether to show a line."""
        now = self._clock()
        if now - self._last < _MAX_SECONDS:
            return False
        self._last = now
        return True
