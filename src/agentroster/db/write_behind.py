"""Writes notes a moment later, a few at a time: nobody waits for them, and a failure shuts nobody out."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from agentroster.errors import StorageFailed

T = TypeVar("T")

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 0.05
_MAX_PAUSE_SECONDS = 30.0


class WriteBehind(Generic[T]):
    """Gathers for a moment: a transaction for each note would cost more than what it is about.

    What cannot be written is kept, in order, and tried again with growing pauses; beyond `max_items` the oldest go.
    A process that is killed loses the notes of its last 50 milliseconds.
    """

    def __init__(self, name: str, write: Callable[[Sequence[T]], Awaitable[None]], *, max_items: int = 10_000) -> None:
        """`write` stores some notes in one transaction; `name` is what the log calls them."""
        self._name = name
        self._write = write
        self._waiting: deque[T] = deque(maxlen=max_items)
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def add(self, note: T) -> None:
        """Queue a note, to be written soon."""
        self._waiting.append(note)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_soon())

    async def aclose(self) -> None:
        """Try once more to write what is left."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._waiting:
            logger.error("%d %s are lost: they could not be written", len(self._waiting), self._name)

    async def _write_soon(self) -> None:
        pause = _GATHER_SECONDS
        while self._waiting:
            is_last = await self._rest(pause)
            notes = list(self._waiting)
            self._waiting.clear()
            try:
                await self._write(notes)
            except StorageFailed as error:
                # The database has logged what is wrong with it.
                self._put_back(notes)
                pause = min(max(1.0, 2 * pause), _MAX_PAUSE_SECONDS)
                logger.warning("%d %s wait to be written: %s", len(self._waiting), self._name, error.message)
            except Exception:
                logger.exception("%d %s are lost", len(notes), self._name)
            else:
                pause = _GATHER_SECONDS
            if is_last:
                return

    async def _rest(self, seconds: float) -> bool:
        """Wait, and return whether the process is ending."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def _put_back(self, notes: Sequence[T]) -> None:
        newer = list(self._waiting)
        self._waiting.clear()
        self._waiting.extend([*notes, *newer])
