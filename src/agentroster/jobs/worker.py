"""Works on jobs: claims them, runs their pipelines, records each item, gives them back at the end of the process."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from agentroster.errors import RosterError
from agentroster.jobs.job import Counts, EventKind, Job, JobEvent, JobState
from agentroster.jobs.store import LEASE_SECONDS, JobStore
from agentroster.logs import redactor
from agentroster.skills.pipeline import ItemReport, Watch

logger = logging.getLogger(__name__)

RunSkill: TypeAlias = Callable[[Job, Watch], Awaitable[object]]
"""Runs the pipeline of a job's skill for the job's caller."""

_MOST_JOBS = 4
_LOOK_SECONDS = 1.0
_GATHER_SECONDS = 0.1
_RENEW_SECONDS = LEASE_SECONDS / 3


class JobWorker:
    """One per process. What it records is visible to every process that shares the database."""

    def __init__(self, store: JobStore, run: RunSkill) -> None:
        self._store = store
        self._run = run
        self._name = secrets.token_hex(8)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wanted = asyncio.Event()
        self.changed = Changes()

    def start(self) -> None:
        """Begin to look for jobs."""
        self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._renew())]

    def wake(self) -> None:
        """Look at once: there is a new job."""
        self._wanted.set()

    async def stop_job(self, job_id: str) -> None:
        """Stop working on a job, having recorded what is done."""
        task = self._running.get(job_id)
        if task is not None:
            # Once: a second cancellation would interrupt the record of what is done.
            if not task.cancelling():
                task.cancel()
            await asyncio.wait([task])

    async def aclose(self) -> None:
        """Stop at once; what is done is recorded, and the next process goes on with the rest."""
        tasks = [*self._tasks, *self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        with suppress(RosterError):
            await self._store.database.in_thread(self._store.release, self._name)

    async def _look(self) -> None:
        while True:
            free = _MOST_JOBS - len(self._running)
            try:
                for job in await self._store.database.in_thread(self._store.claim, self._name, free):
                    self._begin(job)
            except Exception:
                logger.exception("looking for jobs failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            if not self._running:
                continue
            try:
                mine = await self._store.database.in_thread(self._store.renew, self._name)
            except Exception:
                logger.exception("keeping jobs failed")
                continue
            for job_id in self._running.keys() - mine:
                # Cancelled through another process, or taken over after a long pause of this one.
                await self.stop_job(job_id)
                self.changed.notify(job_id)

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._work(job))
        self._running[job.id] = task
        task.add_done_callback(lambda _: self._ended(job.id))

    def _ended(self, job_id: str) -> None:
        self._running.pop(job_id, None)
        self._wanted.set()

    async def _work(self, job: Job) -> None:
        done = await self._store.database.in_thread(self._store.done_items, job.id)
        record = _Record(self._store, job, done, self.changed)
        try:
            await self._run(job, record)
        except asyncio.CancelledError:
            await record.flush()
            raise
        except RosterError as error:
            await record.end("failed", redactor.clean(error.message))
        except Exception:
            logger.exception("job %s failed", job.id)
            await record.end(
                "failed", "The job failed because of an error in the skill; the operator finds it in the log."
            )
        else:
            await record.end("completed")


class Changes:
    """Tells those who watch a job in this process that there is something new."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def notify(self, job_id: str) -> None:
        """Wake everybody who watches this job."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    async def wait(self, job_id: str, seconds: float) -> None:
        """Return when something changed, or after some seconds: another process may do the work."""
        event = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]


@dataclass(slots=True)
class _Record:
    """Writes what a pipeline tells, a few events at a time: one transaction for each item would cost more than it."""

    store: JobStore
    job: Job
    done: set[str]
    changes: Changes
    counts: Counts = field(init=False)
    waiting: list[JobEvent] = field(default_factory=list[JobEvent])
    flushing: asyncio.Task[None] | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.counts = self.job.counts

    def is_done(self, item: str) -> bool:
        return item in self.done

    async def selected(self, total: int) -> None:
        self.counts = replace(self.counts, total=total)
        if not self.done:
            self._add("started", {"total": total})
        await self.flush()

    async def finished(self, report: ItemReport) -> None:
        self.counts = replace(
            self.counts,
            done=self.counts.done + 1,
            changed=self.counts.changed + bool(report.updated),
            failed=self.counts.failed + bool(report.error),
        )
        self._add("item", report.to_json())
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush_soon())

    async def end(self, state: JobState, error: str = "") -> None:
        kind: EventKind = "failed" if state == "failed" else "completed"
        counts = {"total": self.counts.total, "done": self.counts.done}
        counts |= {"changed": self.counts.changed, "failed": self.counts.failed}
        self._add(kind, {**counts, **({"error": error} if error else {})})
        await self._settle()
        await self._write(state, error)

    async def flush(self) -> None:
        await self._settle()
        await self._write("running")

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        await self._write("running")

    async def _settle(self) -> None:
        """Let a write on its way end, so that nothing is written after what comes now."""
        if self.flushing is not None and not self.flushing.done():
            await asyncio.wait([self.flushing])

    def _add(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        self.waiting.append(JobEvent(number=0, kind=kind, data=data, at=time.time()))

    async def _write(self, state: JobState, error: str = "") -> None:
        async with self.writing:
            events, self.waiting = self.waiting, []
            store = self.store
            await store.database.in_thread(store.append, self.job.id, events, self.counts, state, error)
        self.changes.notify(self.job.id)
