"""Jobs and their events in the database. Methods block: call them through `Database.in_thread`."""

import json
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, insert, select, update

from agentroster.db.database import Database
from agentroster.db.driver import SqlRow
from agentroster.errors import QueueFull
from agentroster.identity.caller import Caller
from agentroster.jobs import queue
from agentroster.jobs.events import item_text, last_event, read_events, write_events
from agentroster.jobs.job import CANCELLING, ENDED, Counts, Ending, Job, JobEvent, JobState
from agentroster.jobs.queue import Kept
from agentroster.jobs.schema import job_events, jobs
from agentroster.messages import say
from agentroster.signals.send import send_within
from agentroster.signals.topics import STOPPED_JOBS, WAITING_JOBS, job_topic

_C = jobs.c
_HAS_ENDED = _C.state.in_(sorted(ENDED))
_MAX_QUEUED_IN_ALL = 10_000
_UNBOUNDED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What a worker adds to a job: events after the number that it knows to be written, and what the job shows."""

    events: Sequence[JobEvent]
    after: int
    counts: Counts
    state: JobState = "running"
    error: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is written of a job so far: the items that are done, and the number of the last event."""

    items: frozenset[str]
    last: int


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What a run outside the queue did, such as one in a chat. Times are seconds since 1970 UTC."""

    skill: str
    arguments: Mapping[str, Any]
    state: Ending
    counts: Counts
    events: Sequence[JobEvent]
    began_at: float


class JobStore:
    """A job belongs to the person who began it: for everybody else it does not exist."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self, caller: Caller, skill: str, arguments: Mapping[str, Any], max_queued: int = _MAX_QUEUED_IN_ALL
    ) -> Job:
        """Put a job into the queue. Raises QueueFull when `max_queued` jobs of this person wait in it."""
        return self.database.call(_create, caller, skill, arguments, max_queued)

    def add_ended(self, caller: Caller, run: EndedRun) -> str:
        """Keep a run that was done elsewhere as a job that has ended; return its id."""
        return self.database.call(_add_ended, caller, run)

    def find(self, caller: Caller, job_id: str) -> Job | None:
        """Return a job of this caller."""
        return self.database.call(_find, caller, job_id)

    def of_caller(self, caller: Caller, most: int = 50) -> list[Job]:
        """Return this caller's jobs, newest first."""
        return self.database.call(_list, caller, most)

    def claim(self, worker: str, most: int, share: int | None = None) -> list[Job]:
        """Take jobs that nobody works on: queued ones, and those whose worker died; persons take turns.

        One person has at most `share` of them with this worker. Queued jobs whose key is gone end as failed.
        """
        if most <= 0:
            return []
        return [_job(row) for row in self.database.call(queue.claim, worker, most, share or _UNBOUNDED)]

    def renew(self, worker: str, ids: Collection[str]) -> Kept:
        """Keep these jobs of this worker for some more seconds; tell which of them must end, and why."""
        return self.database.call(queue.renew, worker, ids)

    def is_waiting(self) -> bool:
        """Whether there is a job that nobody works on."""
        return self.database.call(queue.is_waiting)

    def release(self, worker: str) -> None:
        """Give unfinished jobs back, so that the next process goes on with them at once."""
        self.database.call(queue.release, worker)

    def held_by(self, worker: str) -> dict[str, int]:
        """Return the jobs that a worker has, each with the number of its items that are done."""
        return self.database.call(queue.held_by, worker)

    def give_up(self, ids: Collection[str], reason: str) -> None:
        """End jobs at work as failed, with a reason."""
        self.database.call(queue.give_up, ids, reason)

    def fail_unfinished(self, reason: str) -> int:
        """End all jobs that wait or run, with a reason; return how many."""
        return self.database.call(queue.fail_unfinished, reason)

    def append(self, job_id: str, worker: str, progress: Progress) -> bool:
        """Number and add events and set what the job shows, in one transaction; return whether it is still theirs.

        Nothing is added to a job that has ended or that another worker has. The same progress once more, after a
        failure that left open whether it was written, adds nothing twice.
        """
        return self.database.call(_append, job_id, worker, progress)

    def ask_to_cancel(self, caller: Caller, job_id: str) -> bool:
        """Ask the worker of a job to end it as cancelled; return whether there is one."""
        return self.database.call(_ask_to_cancel, caller, job_id)

    def cancel(self, caller: Caller, job_id: str) -> bool:
        """Cancel a job that has not ended; return whether this did it."""
        return self.database.call(_cancel, caller, job_id)

    def events(self, job_id: str, after: int, most: int = 500) -> list[JobEvent]:
        """Return the next events of a job after a number."""
        return self.database.call(read_events, job_id, after, most)

    def has_ended_by(self, job_id: str, number: int) -> bool:
        """Whether the job has ended and this is its last event."""
        return self.database.call(_has_ended_by, job_id, number)

    def recorded(self, job_id: str) -> Recorded:
        """Return what is written of a job; items as `item_text` writes them."""
        return self.database.call(_recorded, job_id)

    def drop_before(self, at: float, most: int) -> int:
        """Delete up to `most` jobs that ended before a time, with their events; return how many."""
        return self.database.call(_drop_before, at, most)

    def purge(self, issuer: str, subject: str) -> int:
        """Delete a person's jobs; return how many."""
        return self.database.call(_drop, _of(issuer, subject))

    def relink(self, issuer: str, old: str, new: str) -> int:
        """Give a person's jobs to their new id, under which unfinished ones go on; return how many."""
        return self.database.call(_relink, issuer, old, new)


def _of(issuer: str, subject: str) -> ColumnElement[bool]:
    return and_(_C.issuer == issuer, _C.subject == subject)


def _of_caller(caller: Caller) -> ColumnElement[bool]:
    return _of(caller.issuer, caller.user or "")


def _create(connection: Connection, caller: Caller, skill: str, arguments: Mapping[str, Any], max_queued: int) -> Job:
    _require_room(connection, caller, max_queued)
    now = time.time()
    values = _row(caller, skill, arguments, now)
    job_id = str(values["id"])
    connection.execute(_INSERT, values)
    send_within(connection, [WAITING_JOBS])
    return Job(id=job_id, caller=caller, skill=skill, arguments=arguments, state="queued", created_at=now)


def _row(caller: Caller, skill: str, arguments: Mapping[str, Any], at: float) -> dict[str, object]:
    return {
        "id": f"job_{secrets.token_hex(12)}", "issuer": caller.issuer, "subject": caller.user or "",
        "claims": json.dumps(caller.to_claims()), "skill": skill, "arguments": json.dumps(arguments),
        "state": "queued", **asdict(Counts()), "error": "", "created_at": at, "worker": "", "lease_until": 0.0,
    }  # fmt: skip


def _add_ended(connection: Connection, caller: Caller, run: EndedRun) -> str:
    row = _row(caller, run.skill, run.arguments, run.began_at)
    ended = {"state": run.state, **asdict(run.counts), "started_at": run.began_at, "ended_at": time.time()}
    connection.execute(_INSERT, {**row, **ended})
    job_id = str(row["id"])
    end = JobEvent(number=0, kind=run.state, data=asdict(run.counts), at=time.time())
    write_events(connection, job_id, 0, [*run.events, end])
    return job_id


_INSERT = insert(jobs)
_IS_THEIRS = and_(_C.issuer == bindparam("of_issuer"), _C.subject == bindparam("of_subject"))
_QUEUED = select(
    func.count().label("in_all"), func.coalesce(func.sum(case((_IS_THEIRS, 1), else_=0)), 0).label("theirs")
).where(_C.state == "queued")


def _require_room(connection: Connection, caller: Caller, max_queued: int) -> None:
    found = connection.execute(_QUEUED, {"of_issuer": caller.issuer, "of_subject": caller.user or ""}).one()
    if found.theirs >= max_queued:
        raise QueueFull(say("jobs.queue_full_of_yours", count=found.theirs))
    if found.in_all >= _MAX_QUEUED_IN_ALL:
        raise QueueFull(say("jobs.queue_full"))


def _find(connection: Connection, caller: Caller, job_id: str) -> Job | None:
    row = connection.execute(select(jobs).where(_C.id == job_id, _of_caller(caller))).first()
    return None if row is None else _job(row)


def _list(connection: Connection, caller: Caller, most: int) -> list[Job]:
    theirs = select(jobs).where(_of_caller(caller)).order_by(_C.created_at.desc(), _C.id).limit(most)
    return [_job(row) for row in connection.execute(theirs)]


_AT_WORK = _C.state.in_(("running", CANCELLING))
_IS_AT_WORK = _C.id == bindparam("of_id"), _C.worker == bindparam("of_worker"), _AT_WORK
_PROGRESS = update(jobs).where(*_IS_AT_WORK).returning(_C.id)


def _append(connection: Connection, job_id: str, worker: str, progress: Progress) -> bool:
    ended = {"state": progress.state, "ended_at": time.time()} if progress.state in ENDED else {}
    values = {**asdict(progress.counts), "error": item_text(progress.error), **ended}
    # First, because it locks the job: numbers have no gaps, and nothing comes after the end.
    if connection.execute(_PROGRESS, {"of_id": job_id, "of_worker": worker, **values}).first() is None:
        return _was_written(connection, job_id, worker, progress)
    # Only this worker adds events: what is there after the number it knows are its own, of an attempt that seemed lost.
    last = last_event(connection, job_id)
    write_events(connection, job_id, last, progress.events[max(0, last - progress.after) :])
    send_within(connection, [job_topic(job_id)])
    return True


def _was_written(connection: Connection, job_id: str, worker: str, progress: Progress) -> bool:
    """Whether a job has ended because this very progress was written, and only the word of it was lost."""
    state = connection.execute(select(_C.state).where(_C.id == job_id, _C.worker == worker)).scalar_one_or_none()
    return state == progress.state and last_event(connection, job_id) == progress.after + len(progress.events)


def _ask_to_cancel(connection: Connection, caller: Caller, job_id: str) -> bool:
    is_held = and_(_AT_WORK, _C.lease_until >= time.time())
    asked = update(jobs).where(_C.id == job_id, _of_caller(caller), is_held).values(state=CANCELLING)
    if connection.execute(asked.returning(_C.id)).first() is None:
        return False
    send_within(connection, [STOPPED_JOBS])
    return True


def _cancel(connection: Connection, caller: Caller, job_id: str) -> bool:
    if not queue.end_cancelled(connection, and_(_C.id == job_id, _of_caller(caller), ~_HAS_ENDED)):
        return False
    send_within(connection, [STOPPED_JOBS])
    return True


def _has_ended_by(connection: Connection, job_id: str, number: int) -> bool:
    ended = connection.execute(select(_C.id).where(_C.id == job_id, _HAS_ENDED)).first() is not None
    return ended and last_event(connection, job_id) <= number


def _recorded(connection: Connection, job_id: str) -> Recorded:
    items = select(job_events.c.item).where(job_events.c.job == job_id, job_events.c.kind == "item")
    return Recorded(frozenset(connection.execute(items).scalars()), last_event(connection, job_id))


def _drop_before(connection: Connection, at: float, most: int) -> int:
    oldest = select(_C.id).where(_HAS_ENDED, _C.ended_at < at).order_by(_C.ended_at).limit(most)
    ids = connection.execute(oldest).scalars().all()
    if ids:
        _drop(connection, _C.id.in_(ids))
    return len(ids)


def _drop(connection: Connection, which: ColumnElement[bool]) -> int:
    connection.execute(delete(job_events).where(job_events.c.job.in_(select(_C.id).where(which))))
    return connection.execute(delete(jobs).where(which)).rowcount


def _relink(connection: Connection, issuer: str, old: str, new: str) -> int:
    rows = connection.execute(select(_C.id, _C.claims).where(_of(issuer, old))).all()
    for row in rows:
        # A job acts with what its claims say, not with the column.
        claims = replace(Caller.from_claims(json.loads(row.claims)), user=new).to_claims()
        connection.execute(update(jobs).where(_C.id == row.id).values(subject=new, claims=json.dumps(claims)))
    return len(rows)


def _job(row: SqlRow) -> Job:
    return Job(
        id=row.id,
        caller=Caller.from_claims(json.loads(row.claims)),
        skill=row.skill,
        arguments=cast("dict[str, Any]", json.loads(row.arguments)),
        state="running" if row.state == CANCELLING else row.state,
        counts=Counts(total=row.total, done=row.done, changed=row.changed, failed=row.failed),
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
