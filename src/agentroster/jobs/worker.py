"""Works on jobs: claims them, runs their pipelines, records each item, gives them back at the end of the process."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from agentroster.errors import RosterError, StorageFailed
from agentroster.jobs.job import Ending, Job
from agentroster.jobs.queue import LEASE_SECONDS
from agentroster.jobs.record import JobRecord
from agentroster.jobs.store import JobStore
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.signals.signals import Signals
from agentroster.signals.topics import KEYS, STOPPED_JOBS, WAITING_JOBS, job_topic
from agentroster.skills.pipeline import Watch

logger = logging.getLogger(__name__)

RunSkill: TypeAlias = Callable[[Job, Watch], Awaitable[object]]
"""Runs the pipeline of a job's skill for the job's caller."""

_MAX_JOBS = 4
# One place is always somebody else's: a person with long jobs must not make the next one wait for their end.
_MAX_JOBS_OF_ONE = 3
_LOOK_SECONDS = 1.0
_RENEW_SECONDS = LEASE_SECONDS / 3


@dataclass(slots=True)
class _Running:
    """A job at work; how and why it must end, where that is not for the next process to go on."""

    task: asyncio.Task[None]
    ending: Ending | None = None
    why: str = ""


class JobWorker:
    """One per process. What it records is visible to every process that shares the database."""

    def __init__(self, store: JobStore, run: RunSkill, signals: Signals, name: str = "") -> None:
        """`name` is one that no other worker has; by default a new one."""
        self._store = store
        self._run = run
        self._name = name or secrets.token_hex(8)
        self._running: dict[str, _Running] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._signals = signals

    def start(self) -> None:
        """Begin to look for jobs."""
        self._tasks = [asyncio.create_task(self._look()), asyncio.create_task(self._renew())]

    async def aclose(self) -> None:
        """Stop at once; what is done is recorded, and the next process goes on with the rest."""
        self._closing.set()
        tasks = [*self._tasks, *(running.task for running in self._running.values())]
        for task in tasks:
            _cancel(task)
        if tasks:
            await asyncio.wait(tasks)
        with suppress(RosterError):
            await self._store.database.in_thread(self._store.release, self._name)

    async def _look(self) -> None:
        with self._signals.subscribe(WAITING_JOBS) as wanted:
            while True:
                free = _MAX_JOBS - len(self._running)
                try:
                    claim = self._store.claim
                    for job in await self._store.database.in_thread(claim, self._name, free, _MAX_JOBS_OF_ONE):
                        self._begin(job)
                except StorageFailed:
                    # The database has logged it; the next look is soon enough.
                    pass
                except Exception:
                    logger.exception("looking for jobs failed")
                # Nobody sends word of a lease that runs out.
                await wanted.wait(_LOOK_SECONDS)

    async def _renew(self) -> None:
        with self._signals.subscribe(STOPPED_JOBS, KEYS) as stopped:
            while True:
                await stopped.wait(_RENEW_SECONDS)
                # Those at work when asked: one that begins meanwhile has a lease of its own.
                asked = frozenset(self._running)
                if asked:
                    await self._keep(asked)

    async def _keep(self, asked: frozenset[str]) -> None:
        try:
            kept = await self._store.database.in_thread(self._store.renew, self._name, asked)
        except StorageFailed:
            return
        except Exception:
            logger.exception("keeping jobs failed")
            return
        # Keyless, cancelled, deleted, or taken over after a long pause of this one.
        for job_id in asked - kept.jobs:
            if job_id in kept.ended:
                self._give_up(job_id, "failed", kept.ended[job_id])
            else:
                self._give_up(job_id, "cancelled" if job_id in kept.cancelled else None)

    def _give_up(self, job_id: str, ending: Ending | None, why: str = "") -> None:
        running = self._running.get(job_id)
        if running is not None:
            running.ending, running.why = ending, why
            _cancel(running.task)
        self._signals.publish(job_topic(job_id))

    def _begin(self, job: Job) -> None:
        if job.id in self._running:
            # Its lease ran out while the database was away, and now it is this process's again.
            return
        task = asyncio.create_task(self._work(job))
        self._running[job.id] = _Running(task)
        task.add_done_callback(lambda _: self._ended(job.id))

    def _ended(self, job_id: str) -> None:
        self._running.pop(job_id, None)
        self._signals.wake(WAITING_JOBS)

    async def _work(self, job: Job) -> None:
        try:
            written = await self._store.database.in_thread(self._store.recorded, job.id)
        except StorageFailed:
            # Its lease runs out, and whoever sees the database again takes it.
            return
        record = JobRecord(
            self._store,
            self._name,
            job,
            written,
            self._signals,
            lost=lambda: self._lost(job.id),
            closing=self._closing,
        )
        try:
            await self._recorded(job, record)
        finally:
            record.stop()

    def _lost(self, job_id: str) -> None:
        running = self._running.get(job_id)
        if running is not None and running.task is not asyncio.current_task():
            _cancel(running.task)

    async def _recorded(self, job: Job, record: JobRecord) -> None:
        try:
            await self._run(job, record)
        except asyncio.CancelledError:
            running = self._running[job.id]
            if running.ending is not None:
                await record.end(running.ending, running.why)
            else:
                with suppress(StorageFailed):
                    await record.flush()
            raise
        except RosterError as error:
            await record.end("failed", redactor.clean(error.message))
        except Exception:
            logger.exception("job %s failed", job.id)
            await record.end("failed", say("jobs.skill_failed"))
        else:
            await record.end("completed")


def _cancel(task: asyncio.Task[None]) -> None:
    # Once: a second cancellation would interrupt the record of what is done.
    if not task.cancelling():
        task.cancel()
