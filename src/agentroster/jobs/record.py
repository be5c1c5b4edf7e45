"""Records what a pipeline tells of a job: a few events at a time, kept until they are written."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agentroster.errors import StorageFailed
from agentroster.jobs.events import item_text
from agentroster.jobs.job import Counts, Ending, EventKind, Job, JobEvent, JobState
from agentroster.jobs.store import JobStore, Progress, Recorded
from agentroster.messages import say
from agentroster.signals.signals import Signals
from agentroster.signals.topics import job_topic
from agentroster.skills.pipeline import ItemReport

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 0.05
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.25, 15.0
_MAX_WAITING = 1_000
_MAX_ATTEMPTS = 5
_STATUS_SECONDS = 1.0


@dataclass(slots=True)
class JobRecord:
    """Gathers for a moment: one transaction for each item would cost more than the item.

    A write that fails is repeated with growing pauses, by the same numbers, so that nothing is lost and nothing is
    there twice; at the end of the process, once. `lost` is called when the job is another worker's by now, or ended.
    """

    store: JobStore
    worker: str
    job: Job
    written: Recorded
    signals: Signals
    lost: Callable[[], object]
    closing: asyncio.Event
    counts: Counts = field(init=False)
    number: int = field(init=False)
    is_lost: bool = False
    waiting: list[JobEvent] = field(default_factory=list[JobEvent])
    writing: asyncio.Task[None] | None = None
    told_at: float = -math.inf
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.counts = self.job.counts
        self.number = self.written.last

    def is_done(self, item: str) -> bool:
        """Whether an earlier process recorded this item."""
        return item_text(item) in self.written.items

    async def selected(self, total: int) -> None:
        """Note how many items there are."""
        self.counts = replace(self.counts, total=total)
        if not self.number:
            self._add("started", {"total": total})
        self._write_soon()

    async def finished(self, report: ItemReport) -> None:
        """Note what came of an item; wait only where far too much could not be written."""
        self.counts = replace(
            self.counts,
            done=self.counts.done + 1,
            changed=self.counts.changed + bool(report.updated),
            failed=self.counts.failed + bool(report.error),
        )
        self._add("item", report.to_json())
        self._write_soon()
        if len(self.waiting) > _MAX_WAITING and self.writing is not None:
            await asyncio.wait([self.writing])

    def waits(self, line: str) -> None:
        """Note what the job waits for, once where several of its items do."""
        if time.monotonic() - self.told_at < _STATUS_SECONDS:
            return
        self.told_at = time.monotonic()
        self._add("status", {"description": line})
        self._write_soon()

    async def end(self, state: Ending, error: str = "") -> None:
        """Write the end, however long the database keeps it waiting, unless the job is another's by then."""
        counts = {"total": self.counts.total, "done": self.counts.done}
        counts |= {"changed": self.counts.changed, "failed": self.counts.failed}
        self._add(state, {**counts, **({"error": error} if error else {})})
        await self._insist(state, error)

    async def flush(self) -> None:
        """Write what is left, once. Raises StorageFailed."""
        if self.waiting and not self.is_lost:
            await self._write("running")

    def stop(self) -> None:
        """Begin no write any more by itself."""
        if self.writing is not None:
            self.writing.cancel()

    def _add(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        self.waiting.append(JobEvent(number=0, kind=kind, data=data, at=time.time()))

    def _write_soon(self) -> None:
        if self.writing is None or self.writing.done():
            self.writing = asyncio.create_task(self._gathered())

    async def _gathered(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        await self._insist("running")

    async def _insist(self, state: JobState, error: str = "") -> None:
        pause, attempts = _FIRST_PAUSE_SECONDS, 0
        while not self.is_lost:
            try:
                return await self._write(state, error)
            except StorageFailed as failure:
                if pause == _FIRST_PAUSE_SECONDS:
                    logger.warning("the record of job %s waits: %s", self.job.id, failure.message)
            except Exception:
                attempts += 1
                logger.exception("job %s cannot be recorded", self.job.id)
                if attempts >= _MAX_ATTEMPTS and state != "running":
                    # Not for ever: what cannot be stored must not keep a job at work.
                    self.waiting, state, error, attempts = [], "failed", say("jobs.ended_unwritable"), 0
                    self._add("failed", {"error": error})
                elif attempts >= _MAX_ATTEMPTS:
                    return None
            if self.closing.is_set():
                # The next process goes on from what is written.
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.closing.wait()
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)
        return None

    async def _write(self, state: JobState, error: str = "") -> None:
        async with self.one_at_a_time:
            events = list(self.waiting)
            progress = Progress(events, self.number, self.counts, state, error)
            store = self.store
            if await store.database.in_thread(store.append, self.job.id, self.worker, progress):
                del self.waiting[: len(events)]
                self.number += len(events)
            elif not self.is_lost:
                self.is_lost = True
                self.lost()
        # Other processes hear of it by the transaction itself.
        self.signals.wake(job_topic(self.job.id))
