"""Waits as servers ask: for `Retry-After` (RFC 9110, section 10.2.3) and the windows of the `RateLimit` header field.

Source: draft-ietf-httpapi-ratelimit-headers, in the form that the hub documents, `RateLimit: "api";r=0;t=55`: `r`
requests are left, and in `t` seconds the window is full again.
"""

import math
import re
from asyncio import sleep
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TypeAlias

from agentroster.net.origin import Origin
from agentroster.net.shared_windows import SharedWindows, Window

OnWait: TypeAlias = Callable[[float], None]
"""Is told the seconds of a wait when it begins."""

Bucket: TypeAlias = Callable[[str], Hashable | None]
"""Returns which limit a URL counts for; None for one of a server whose limits are not known."""

_TOO_MANY, _UNAVAILABLE = 429, 503
# What stands before a server says these when the server itself does not answer (RFC 9110, section 15.6).
_OUT_OF_REACH = frozenset({502, _UNAVAILABLE, 504})
# A connection that breaks is tried anew at once: one that was open for long may have been closed meanwhile.
_AFTER_FAILURES = (0.0, 1.0, 4.0)
_MAX_TIMEOUTS = 1
_MAX_UNHEARD = 6
_FIRST_PAUSE, _MAX_PAUSE, _MAX_PAUSE_UNASKED = 1.0, 60.0, 8.0
_ROUNDING_SECONDS = 1.0
_WINDOW = re.compile(r";\s{0,3}([rt])\s{0,3}=\s{0,3}(\d{1,9})")


class RateLimits:
    """Keeps the windows of limits for all who ask, in this process and those that share them; of one event loop."""

    def __init__(self, max_wait: float, bucket: Bucket, shared: SharedWindows | None = None) -> None:
        """`max_wait` bounds in seconds what one request waits altogether; 0 waits for nothing."""
        self._max_wait = max_wait
        self._bucket = bucket
        self._shared = shared or SharedWindows()
        self._windows: dict[Hashable, Window] = {}

    def request(self, url: str, on_wait: OnWait | None = None) -> "LimitedRequest | None":
        """Return the waits of one request; None where none is known. Raises NotAllowed for what is no URL."""
        key = self._bucket(url)
        if key is None:
            return None
        window = self._windows.setdefault(key, Window(str(key)))
        return LimitedRequest(window, self._shared, Origin.of(url), self._max_wait, on_wait)


class LimitedRequest:
    """One request that waits before it is sent, and again when it is refused."""

    def __init__(
        self, window: Window, shared: SharedWindows, origin: Origin, max_wait: float, on_wait: OnWait | None
    ) -> None:
        self._window = window
        self._shared = shared
        self._origin = self._answered_by = origin
        self._seconds_left = max_wait
        self._on_wait = on_wait
        self._pause = _FIRST_PAUSE
        self._closed_until = 0.0
        self._failures = self._timeouts = 0
        self._is_in_flight = self._has_failed = False

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait until the window is open, and hold one of its requests for the block; a wait too long is left out."""
        while seconds := await self._taken():
            if self._on_wait is not None:
                self._on_wait(seconds)
            self._seconds_left -= seconds
            await sleep(seconds)
        try:
            yield
        finally:
            self._landed()

    async def _taken(self) -> float:
        """Take one request of the window, or return the seconds to wait for it."""
        window = self._window
        async with self._shared.changing(window):
            seconds = max(_opens_at(window), self._closed_until) - monotonic()
            if 0 < seconds <= self._seconds_left:
                return seconds
            window.in_flight += 1
            self._is_in_flight, self._has_failed = True, False
            if window.left is not None:
                window.left -= 1
        return 0.0

    def _landed(self) -> None:
        self._window.in_flight -= self._is_in_flight
        self._is_in_flight = False

    async def note(self, origin: Origin, headers: Mapping[str, str]) -> None:
        """Note what an answer, or a redirect on the way to it, says of the window."""
        self._answered_by = origin
        self._window.unheard = 0
        limit = _limit(headers)
        if origin == self._origin and "r" in limit and "t" in limit:
            async with self._shared.changing(self._window):
                self._landed()
                # Those that are on their way may not be counted yet.
                self._window.left = int(limit["r"]) - self._window.in_flight - self._window.others_in_flight
                self._window.reset_at = monotonic() + int(limit["t"]) + _ROUNDING_SECONDS

    def note_failure(self, *, is_timeout: bool) -> None:
        """Note that no answer came."""
        self._has_failed = True
        self._window.unheard += 1
        self._timeouts += is_timeout

    def is_to_be_tried_again(self) -> bool:
        """Whether to ask once more after no answer came: a few times, and not while nothing is heard at all."""
        if not self._has_failed or self._failures >= len(_AFTER_FAILURES) or self._timeouts > _MAX_TIMEOUTS:
            return False
        pause = _AFTER_FAILURES[self._failures]
        if pause > self._seconds_left or self._window.unheard >= _MAX_UNHEARD:
            return False
        self._failures += 1
        self._closed_until = monotonic() + pause
        return True

    async def is_to_be_repeated(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether to ask again, after a wait; false for an answer, and where the wait would be too long."""
        if status not in {_TOO_MANY, *_OUT_OF_REACH} or not self._seconds_left:
            return False
        asked = retry_after(headers)
        if asked is None and status != _TOO_MANY and self._pause > _MAX_PAUSE_UNASKED:
            return False
        seconds, self._pause = max(asked or 0.0, self._pause), min(2 * self._pause, _MAX_PAUSE)
        if seconds > self._seconds_left:
            return False
        until = monotonic() + seconds
        is_for_all = status == _TOO_MANY or asked is not None
        if self._answered_by == self._origin and is_for_all:
            # Who asks meanwhile would be refused as well.
            async with self._shared.changing(self._window):
                self._window.closed_until = max(self._window.closed_until, until)
        else:
            self._closed_until = until
        return True


def _opens_at(window: Window) -> float:
    if window.left is not None and monotonic() >= window.reset_at:
        window.left = None
    spent_until = window.reset_at if window.left is not None and window.left <= 0 else 0.0
    return max(window.closed_until, spent_until)


def _limit(headers: Mapping[str, str]) -> dict[str, str]:
    return dict(_WINDOW.findall(headers.get("ratelimit", "")))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a refusal asks to wait, or None where it says nothing that can be understood."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            limit = _limit(headers)
            return int(limit["t"]) + _ROUNDING_SECONDS if "t" in limit else None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
