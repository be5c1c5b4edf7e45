"""`Signals`: publish a topic, and wait for one, across all processes that share a database."""

import asyncio
import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from agentroster.db.database import Database
from agentroster.db.write_behind import WriteBehind
from agentroster.signals.send import kind_of, send


class Listener(Protocol):
    """Hears what other processes send."""

    async def listen(self, heard: Callable[[str], None], may_have_missed: Callable[[], None]) -> None:
        """Call `heard(topic)` in the event loop until cancelled, and the other each time listening begins (again)."""
        ...

    def hurry(self, *, is_urgent: bool) -> None:
        """Hear of everything soon from now on, or at leisure again."""
        ...


class Subscription:
    """Remembers, until the next `wait`, that there was word: nothing that comes while one looks is lost."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Let the waiter look."""
        self._event.set()

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - the usual form of a wait
        """Return True at word of a topic, False after that many seconds without any."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        was_woken = self._event.is_set()
        self._event.clear()
        return was_woken


class Signals:
    """Belongs to one event loop. Without a database it is for this process only.

    Word is sent a moment after it is published, with what else is published then; a waiter in this process wakes at
    once. A waiter may be woken for nothing. Word can be lost with a process that is killed: who waits for something
    that must not be missed also looks now and then.
    """

    def __init__(self, database: Database | None = None, location: Path | str = "") -> None:
        """`location` is the file or the `postgresql://` address of the database."""
        self._database = database
        self._name = secrets.token_hex(8)
        self._listener = _listener(location, self._name) if database is not None else None
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._urgent = 0
        self._outgoing = WriteBehind[str]("signals", self._send)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen to other processes."""
        if self._listener is not None:
            self._task = asyncio.create_task(self._listener.listen(self._heard, self._wake_all))

    def publish(self, topic: str) -> None:
        """Wake whoever waits for a topic, here and in every other process."""
        self.wake(topic)
        if self._database is not None:
            self._outgoing.add(topic)

    def wake(self, topic: str) -> None:
        """Wake whoever waits for a topic in this process."""
        for subscription in self._subscriptions.get(topic, ()):
            subscription.wake()

    @contextmanager
    def subscribe(self, *topics: str, is_urgent: bool = False) -> Generator[Subscription]:
        """Remember word of these topics for the length of the block; urgently where a person looks on."""
        subscription = Subscription()
        for topic in topics:
            self._subscriptions.setdefault(topic, set()).add(subscription)
        self._hurry(int(is_urgent))
        try:
            yield subscription
        finally:
            self._hurry(-int(is_urgent))
            for topic in topics:
                self._subscriptions[topic].discard(subscription)
                if not self._subscriptions[topic]:
                    del self._subscriptions[topic]

    async def aclose(self) -> None:
        """Send what is left, and stop listening."""
        await self._outgoing.aclose()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _hurry(self, more: int) -> None:
        was_urgent, self._urgent = self._urgent > 0, self._urgent + more
        if self._listener is not None and was_urgent != (self._urgent > 0):
            self._listener.hurry(is_urgent=self._urgent > 0)

    async def _send(self, topics: Sequence[str]) -> None:
        if self._database is not None:
            await self._database.in_thread(send, self._database, *sorted(set(topics)), sender=self._name)

    def _heard(self, topic: str) -> None:
        # SQLite says which kind of topic it was.
        for known in [known for known in self._subscriptions if topic in {known, kind_of(known)}]:
            self.wake(known)

    def _wake_all(self) -> None:
        for topic in list(self._subscriptions):
            self.wake(topic)


def _listener(location: Path | str, name: str) -> Listener:
    if isinstance(location, Path):
        from agentroster.signals.sqlite import SqliteListener  # noqa: PLC0415 - one of the two

        return SqliteListener(location)
    from agentroster.signals.postgres import PostgresListener  # noqa: PLC0415 - needs its driver

    return PostgresListener(location, name)
