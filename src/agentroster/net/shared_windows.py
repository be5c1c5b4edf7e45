"""Windows of rate limits that processes on one machine share: a small file of JSON, changed by one of them at a time.

Times are the clock's there, because each process counts its own; `Window` has them as `time.monotonic` does.
"""

import json
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from agentroster.json_values import as_object
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.shared_slots import SharedSlots

_IN_FLIGHT_SECONDS = 60.0
"""After that a process that says nothing more of its requests has ended."""

_MAX_BYTES = 100_000
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_MAX_AHEAD = 86_400.0


@dataclass(slots=True)
class Window:
    """What is known of one limit; `left` is None while nobody knows how many requests are left.

    `unheard` counts the requests in a row that brought no answer, of this process.
    """

    key: str
    left: int | None = None
    reset_at: float = 0.0
    closed_until: float = 0.0
    in_flight: int = 0
    others_in_flight: int = 0
    unheard: int = 0


class SharedWindows:
    """Belongs to one event loop. Without a path, and where it cannot be used, a process has its windows for itself."""

    def __init__(self, path: Path | None = None, slots: SharedSlots | None = None) -> None:
        """`slots` are shared by the same processes as the file."""
        self._path = path
        self._one_at_a_time = ConcurrencyLimiter(1, slots, "windows")
        # Processes in containers of their own all have the same number.
        self._me = token_hex(4)

    @asynccontextmanager
    async def changing(self, window: Window) -> AsyncGenerator[None]:
        """Bring a window up to date for the block, and let the other processes know what it is afterwards."""
        if self._path is None:
            yield
            return
        async with self._one_at_a_time.taken("file"):
            known = self._read()
            with suppress(TypeError, ValueError):
                self._take_over(as_object(known.get(window.key)), window)
            yield
            known[window.key] = self._shown(window, as_object(known.get(window.key)))
            self._write(known)

    def _take_over(self, known: Mapping[str, object], window: Window) -> None:
        if not known:
            return
        ahead = time.monotonic() - time.time()
        left, numbers = known.get("left"), [float(str(known.get(name))) for name in ("reset_at", "closed_until")]
        # A clock that was put back would make everybody wait for as long.
        reset_at, closed_until = (at + ahead if at < time.time() + _MAX_AHEAD else 0.0 for at in numbers)
        window.left, window.reset_at, window.closed_until = (
            left if isinstance(left, int) else None,
            reset_at,
            closed_until,
        )
        window.others_in_flight = sum(count for name, count, _ in _in_flight(known) if name != self._me)

    def _shown(self, window: Window, known: Mapping[str, object]) -> dict[str, object]:
        ahead, now = time.time() - time.monotonic(), time.time()
        others = {name: [count, at] for name, count, at in _in_flight(known) if name != self._me and count}
        return {
            "left": window.left,
            "reset_at": window.reset_at + ahead,
            "closed_until": window.closed_until + ahead,
            "in_flight": {**others, self._me: [window.in_flight, now]},
        }

    def _read(self) -> dict[str, object]:
        try:
            with Path(self._path or "").open("rb") as file:
                return dict(as_object(json.loads(file.read(_MAX_BYTES))))
        except (OSError, ValueError, RecursionError):
            return {}

    def _write(self, known: dict[str, object]) -> None:
        # One that is half written by a process that dies is read as none.
        with suppress(OSError), os.fdopen(os.open(self._path or "", _WRITE, 0o600), "wb") as file:
            file.write(json.dumps(known).encode())


def _in_flight(known: Mapping[str, object]) -> list[tuple[str, int, float]]:
    """Return the requests on their way by process, and when it said so; without those of processes that have ended."""
    found: list[tuple[str, int, float]] = []
    for name, entry in as_object(known.get("in_flight")).items():
        match entry:
            case [int(count), float(at)] if abs(time.time() - at) < _IN_FLIGHT_SECONDS:
                found.append((name, count, at))
            case _:
                pass
    return found
