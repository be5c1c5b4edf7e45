"""Deletes old rows once a day, a few at a time, so that nobody waits for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from agentroster.db.database import Database
from agentroster.errors import StorageFailed

logger = logging.getLogger(__name__)

DropBefore: TypeAlias = Callable[[float, int], int]
"""Deletes up to so many rows from before a time (seconds since 1970 UTC); returns how many. It blocks."""

_DAY_SECONDS = 86_400.0
_BATCH = 200
_PAUSE_SECONDS = 0.05


class Retention:
    """Deletes ended jobs and old entries of the audit record; what runs or waits is never touched."""

    def __init__(self, tables: Sequence[tuple[Database, DropBefore]], keep_days: float) -> None:
        """`keep_days` of 0 keeps everything."""
        self._tables = tables
        self._keep_days = keep_days
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, now and once a day."""
        if self._keep_days > 0:
            self._task = asyncio.create_task(self._daily())

    async def aclose(self) -> None:
        """Stop; the rest is for the next process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _daily(self) -> None:
        while True:
            before = time.time() - self._keep_days * _DAY_SECONDS
            for database, drop in self._tables:
                try:
                    await self._sweep(database, drop, before)
                except StorageFailed as error:
                    logger.warning("what is old stays for another day: %s", error.message)
                except Exception:
                    logger.exception("what is old stays for another day")
            await asyncio.sleep(_DAY_SECONDS)

    async def _sweep(self, database: Database, drop: DropBefore, before: float) -> None:
        deleted = _BATCH
        while deleted:
            deleted = await database.in_thread(drop, before, _BATCH)
            await asyncio.sleep(_PAUSE_SECONDS)
