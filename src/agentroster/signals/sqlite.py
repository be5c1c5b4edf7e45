"""Hears signals on SQLite: a thread asks the file whether anybody wrote to it.

It asks four times a second, and twenty times while somebody waits urgently: who follows a job, say.

`PRAGMA data_version` reads one number of the shared memory (https://www.sqlite.org/pragma.html#pragma_data_version): a
few microseconds, no lock that a writer would wait for, and the event loop sleeps on. Only when the number has changed
is the table of counters read, so that a write which nobody has to know of wakes nobody.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_SECONDS, _URGENT_SECONDS = 0.25, 0.05


class SqliteListener:
    """Watches one file."""

    def __init__(self, path: Path) -> None:
        # Never created by looking.
        self._address = f"{path.absolute().as_uri()}?mode=rw"
        self._pause = _LOOK_SECONDS
        self._woken = threading.Event()

    def hurry(self, *, is_urgent: bool) -> None:
        """Ask more often from now on, or at leisure again."""
        self._pause = _URGENT_SECONDS if is_urgent else _LOOK_SECONDS
        self._woken.set()

    async def listen(self, heard: Callable[[str], None], may_have_missed: Callable[[], None]) -> None:
        """Call `heard(topic)` for each kind of topic that was counted up, until cancelled."""
        loop = asyncio.get_running_loop()
        ended = threading.Event()

        def in_loop(call: Callable[[], None]) -> None:
            # The loop may be closed by now: then nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call)

        def watch() -> None:
            look, has_begun = _Look(self._address), False
            while True:
                self._woken.wait(self._pause)
                self._woken.clear()
                if ended.is_set():
                    break
                try:
                    changed = look.changed()
                except sqlite3.Error:
                    # The database says itself, to whoever uses it, what is wrong with it.
                    look.close()
                    has_begun = False
                    continue
                if not has_begun:
                    in_loop(may_have_missed)
                    has_begun = True
                for topic in changed:
                    in_loop(lambda topic=topic: heard(topic))
            look.close()

        threading.Thread(target=watch, name="roster-signals", daemon=True).start()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
            self._woken.set()


@dataclass(slots=True)
class _Look:
    address: str
    connection: sqlite3.Connection | None = None
    version: int = 0
    numbers: Mapping[str, int] = field(default_factory=dict[str, int])

    def changed(self) -> list[str]:
        """Return the kinds of topics that were counted up since the last look. Raises sqlite3.Error."""
        is_first = self.connection is None
        if self.connection is None:
            self.connection = sqlite3.connect(self.address, uri=True, isolation_level=None)
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        if version == self.version and not is_first:
            return []
        before, self.version, self.numbers = self.numbers, version, _numbers(self.connection)
        return [] if is_first else [topic for topic, number in self.numbers.items() if number != before.get(topic)]

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def _numbers(connection: sqlite3.Connection) -> dict[str, int]:
    # The table is made by who first sends something.
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'signals'").fetchone() is None:
        return {}
    return dict(connection.execute("SELECT topic, number FROM signals").fetchall())
