"""Keeps what a run of a skill in a chat did, as an ended job, and finds it again for its person."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from agentroster.errors import StorageFailed
from agentroster.identity.caller import Caller
from agentroster.jobs.job import Counts, Ending, Job, JobEvent
from agentroster.jobs.store import EndedRun, JobStore
from agentroster.skills.past_runs import PastRun
from agentroster.skills.pipeline import ItemReport, Watch

_LOOKED_AT, _MAX_ITEMS, _PAGE = 200, 10_000, 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PersonsRuns:
    """The runs of one skill for one caller: jobs of the API, and what was done in chats."""

    store: JobStore
    caller: Caller
    skill: str

    def last(self) -> PastRun | None:
        """Return the newest run; it blocks."""
        if not self.caller.is_person:
            return None
        jobs = self.store.of_caller(self.caller, _LOOKED_AT)
        return next((self._read(job) for job in jobs if job.skill == self.skill), None)

    def find(self, run_id: str) -> PastRun | None:
        """Return one run; it blocks."""
        job = self.store.find(self.caller, run_id) if self.caller.is_person else None
        return self._read(job) if job is not None and job.skill == self.skill else None

    @asynccontextmanager
    async def recording(self, arguments: Mapping[str, Any]) -> AsyncGenerator[Watch]:
        """Give what watches a run, and keep what it saw; for a caller who is nobody in particular nothing is kept."""
        seen, began_at, state = _Seen(), time.time(), "failed"
        try:
            yield seen
            state = "completed"
        except asyncio.CancelledError:
            state = "cancelled"
            raise
        finally:
            if self.caller.is_person and seen.counts.total:
                # Whoever presses Stop may ask afterwards what was done until then.
                await asyncio.shield(self._keep(arguments, seen, state, began_at))

    async def _keep(self, arguments: Mapping[str, Any], seen: "_Seen", state: Ending, began_at: float) -> None:
        run = EndedRun(self.skill, arguments, state, seen.counts, seen.events, began_at)
        try:
            await self.store.database.in_thread(self.store.add_ended, self.caller, run)
        except StorageFailed as error:
            # What was done is done; only the memory of it is lost.
            logger.warning("a run of %s is not remembered: %s", self.skill, error.message)

    def _read(self, job: Job) -> PastRun:
        items: list[Mapping[str, Any]] = []
        last = 0
        while len(items) < _MAX_ITEMS and (page := self.store.events(job.id, last, _PAGE)):
            items += [event.data for event in page if event.kind == "item"]
            last = page[-1].number
        return PastRun(
            id=job.id,
            arguments=job.arguments,
            state=job.state,
            total=job.counts.total,
            done=job.counts.done,
            changed=job.counts.changed,
            failed=job.counts.failed,
            began_at=job.started_at or job.created_at,
            ended_at=job.ended_at,
            items=items,
        )


@dataclass(slots=True)
class _Seen:
    counts: Counts = field(default_factory=Counts)
    events: list[JobEvent] = field(default_factory=list[JobEvent])

    def is_done(self, item: str) -> bool:  # noqa: ARG002 - the interface of a watch
        return False

    async def selected(self, total: int) -> None:
        self.counts = replace(self.counts, total=total)
        self._add(JobEvent(number=0, kind="started", data={"total": total}, at=time.time()))

    async def finished(self, report: ItemReport) -> None:
        counts = self.counts
        self.counts = replace(
            counts,
            done=counts.done + 1,
            changed=counts.changed + bool(report.updated),
            failed=counts.failed + bool(report.error),
        )
        self._add(JobEvent(number=0, kind="item", data=report.to_json(), at=time.time()))

    def waits(self, line: str) -> None:
        """Keep nothing: it is over by the time anybody asks."""

    def _add(self, event: JobEvent) -> None:
        if len(self.events) <= _MAX_ITEMS:
            self.events.append(event)
