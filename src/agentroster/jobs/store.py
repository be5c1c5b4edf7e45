"""Jobs and their events in the database. Methods block: call them through `Database.in_thread`."""

import json
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, text

from agentroster.db.database import Database, quickly
from agentroster.errors import QueueFull
from agentroster.identity.caller import Caller
from agentroster.jobs import queue
from agentroster.jobs.job import Counts, Job, JobEvent, JobState
from agentroster.jobs.queue import INSERT_EVENT, Kept, add_event, last_event

_ENDED = "state IN ('completed', 'failed', 'cancelled')"
_MOST_QUEUED_IN_ALL = 10_000
_FOR_EVER = 2**53


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


class JobStore:
    """A job belongs to the person who began it: for everybody else it does not exist."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self, caller: Caller, skill: str, arguments: Mapping[str, Any], max_queued: int = _MOST_QUEUED_IN_ALL
    ) -> Job:
        """Put a job into the queue. Raises QueueFull when `max_queued` jobs of this person wait in it."""
        return self.database.call(_create, caller, skill, arguments, max_queued)

    def find(self, caller: Caller, job_id: str) -> Job | None:
        """Return a job of this caller."""
        return self.database.call(_find, caller, job_id)

    def of_caller(self, caller: Caller, most: int = 50) -> list[Job]:
        """Return this caller's jobs, newest first."""
        return self.database.call(_of_caller, caller, most)

    def claim(self, worker: str, most: int, share: int | None = None) -> list[Job]:
        """Take jobs that nobody works on: queued ones, and those whose worker died; persons take turns.

        One person has at most `share` of them with this worker. Queued jobs whose key is gone end as failed.
        """
        if most <= 0:
            return []
        return [_job(row) for row in self.database.call(queue.claim, worker, most, share or _FOR_EVER)]

    def renew(self, worker: str, ids: Collection[str]) -> Kept:
        """Keep these jobs of this worker for some more seconds; tell which of them must end, and why."""
        return self.database.call(queue.renew, worker, ids)

    def release(self, worker: str) -> None:
        """Give unfinished jobs back, so that the next process goes on with them at once."""
        self.database.call(queue.release, worker)

    def fail_unfinished(self, reason: str) -> int:
        """End all jobs that wait or run, with a reason; return how many."""
        return self.database.call(queue.fail_unfinished, reason)

    def append(self, job_id: str, worker: str, progress: Progress) -> bool:
        """Number and add events and set what the job shows, in one transaction; return whether it is still theirs.

        Nothing is added to a job that has ended or that another worker has. The same progress once more, after a
        failure that left open whether it was written, adds nothing twice.
        """
        return self.database.call(_append, job_id, worker, progress)

    def cancel(self, caller: Caller, job_id: str) -> bool:
        """Cancel a job that has not ended; return whether this did it."""
        return self.database.call(_cancel, caller, job_id)

    def events(self, job_id: str, after: int, most: int = 500) -> list[JobEvent]:
        """Return the next events of a job after a number."""
        return self.database.call(_events, job_id, after, most)

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
        return self.database.call(_purge, {"issuer": issuer, "subject": subject})

    def relink(self, issuer: str, old: str, new: str) -> int:
        """Give a person's jobs to their new id, under which unfinished ones go on; return how many."""
        return self.database.call(_relink, {"issuer": issuer, "subject": old}, new)


_OWNED = "id = :id AND issuer = :issuer AND subject = :subject"


def _whose(caller: Caller, job_id: str = "") -> dict[str, object]:
    return {"id": job_id, "issuer": caller.issuer, "subject": caller.user or ""}


def item_text(label: str) -> str:
    """Return a label as it can be stored: file names may hold bytes that no text has."""
    return label.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def _create(connection: Connection, caller: Caller, skill: str, arguments: Mapping[str, Any], max_queued: int) -> Job:
    job_id = f"job_{secrets.token_hex(12)}"
    now = time.time()
    _require_room(connection, caller, max_queued)
    connection.execute(
        text(
            "INSERT INTO jobs VALUES (:id, :issuer, :subject, :claims, :skill, :arguments, 'queued', 0, 0, 0, 0, '', "
            ":now, NULL, NULL, '', 0)"
        ),
        {
            **_whose(caller, job_id),
            "claims": json.dumps(caller.to_claims()),
            "skill": skill,
            "arguments": json.dumps(arguments),
            "now": now,
        },
    )
    return Job(id=job_id, caller=caller, skill=skill, arguments=arguments, state="queued", created_at=now)


def _require_room(connection: Connection, caller: Caller, max_queued: int) -> None:
    statement = text(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN issuer = :issuer AND subject = :subject THEN 1 ELSE 0 END), 0) "
        "FROM jobs WHERE state = 'queued'"
    )
    in_all, theirs = connection.execute(statement, _whose(caller)).one()
    if theirs >= max_queued:
        raise QueueFull(f"{theirs} of your jobs wait already: begin the next one when some have ended, or cancel some.")
    if in_all >= _MOST_QUEUED_IN_ALL:
        raise QueueFull("The proxy has too many jobs that wait: try again in a minute.")


def _find(connection: Connection, caller: Caller, job_id: str) -> Job | None:
    statement = text(f"SELECT * FROM jobs WHERE {_OWNED}")  # noqa: S608 - constants, no input
    row = connection.execute(statement, _whose(caller, job_id)).first()
    return None if row is None else _job(row)


def _of_caller(connection: Connection, caller: Caller, most: int) -> list[Job]:
    statement = text(
        "SELECT * FROM jobs WHERE issuer = :issuer AND subject = :subject ORDER BY created_at DESC, id LIMIT :most"
    )
    return [_job(row) for row in connection.execute(statement, {**_whose(caller), "most": most})]


def _append(connection: Connection, job_id: str, worker: str, progress: Progress) -> bool:
    counts = progress.counts
    values = {
        "total": counts.total,
        "done": counts.done,
        "changed": counts.changed,
        "failed": counts.failed,
        "error": item_text(progress.error),
        "state": progress.state,
        "ended": int(progress.state not in {"queued", "running"}),
        "now": time.time(),
        "id": job_id,
        "worker": worker,
    }
    # First, because it locks the job: numbers have no gaps, and nothing comes after the end.
    if connection.execute(_PROGRESS, values).first() is None:
        return _was_written(connection, job_id, worker, progress)
    # Only this worker adds events: what is there after the number it knows are its own, of an attempt that seemed lost.
    last = last_event(connection, job_id)
    missing = progress.events[max(0, last - progress.after) :]
    if missing:
        rows = [_event_row(job_id, last + place, event) for place, event in enumerate(missing, start=1)]
        quickly(connection, INSERT_EVENT, rows)
    return True


def _was_written(connection: Connection, job_id: str, worker: str, progress: Progress) -> bool:
    """Whether a job has ended because this very progress was written, and only the word of it was lost."""
    statement = text("SELECT state FROM jobs WHERE id = :id AND worker = :worker")
    state = connection.execute(statement, {"id": job_id, "worker": worker}).scalar_one_or_none()
    return state == progress.state and last_event(connection, job_id) == progress.after + len(progress.events)


_PROGRESS = text(
    "UPDATE jobs SET total = :total, done = :done, changed = :changed, failed = :failed, error = :error, "
    "state = :state, ended_at = CASE WHEN :ended = 1 THEN :now ELSE ended_at END "
    "WHERE id = :id AND worker = :worker AND state = 'running' RETURNING id"
)


def _event_row(job_id: str, number: int, event: JobEvent) -> tuple[object, ...]:
    return job_id, number, event.kind, item_text(str(event.data.get("item", ""))), json.dumps(event.data), event.at


def _cancel(connection: Connection, caller: Caller, job_id: str) -> bool:
    statement = text(
        f"UPDATE jobs SET state = 'cancelled', ended_at = :now WHERE {_OWNED} AND NOT {_ENDED} "  # noqa: S608
        "RETURNING total, done, changed, failed"
    )
    row = connection.execute(statement, {**_whose(caller, job_id), "now": time.time()}).first()
    if row is None:
        return False
    data = {"total": row.total, "done": row.done, "changed": row.changed, "failed": row.failed}
    add_event(connection, job_id, "cancelled", data)
    return True


def _events(connection: Connection, job_id: str, after: int, most: int) -> list[JobEvent]:
    statement = text(
        "SELECT number, kind, data, at FROM job_events WHERE job = :job AND number > :after ORDER BY number LIMIT :most"
    )
    rows = connection.execute(statement, {"job": job_id, "after": after, "most": most})
    return [JobEvent(number=row.number, kind=row.kind, data=json.loads(row.data), at=row.at) for row in rows]


def _has_ended_by(connection: Connection, job_id: str, number: int) -> bool:
    statement = text(f"SELECT 1 FROM jobs WHERE id = :id AND {_ENDED}")  # noqa: S608 - a constant
    ended = connection.execute(statement, {"id": job_id}).first() is not None
    return ended and last_event(connection, job_id) <= number


def _recorded(connection: Connection, job_id: str) -> Recorded:
    statement = text("SELECT item FROM job_events WHERE job = :job AND kind = 'item'")
    items = frozenset(row.item for row in connection.execute(statement, {"job": job_id}))
    return Recorded(items, last_event(connection, job_id))


def _drop_before(connection: Connection, at: float, most: int) -> int:
    statement = text(f"SELECT id FROM jobs WHERE {_ENDED} AND ended_at < :at ORDER BY ended_at LIMIT :most")  # noqa: S608
    ids = [row.id for row in connection.execute(statement, {"at": at, "most": most})]
    for table, column in (("job_events", "job"), ("jobs", "id")) if ids else ():
        delete = text(f"DELETE FROM {table} WHERE {column} IN :ids")  # noqa: S608 - constants, no input
        connection.execute(delete.bindparams(bindparam("ids", expanding=True)), {"ids": ids})
    return len(ids)


def _purge(connection: Connection, whose: Mapping[str, str]) -> int:
    jobs = "SELECT id FROM jobs WHERE issuer = :issuer AND subject = :subject"
    connection.execute(text(f"DELETE FROM job_events WHERE job IN ({jobs})"), whose)  # noqa: S608 - a constant
    return connection.execute(text("DELETE FROM jobs WHERE issuer = :issuer AND subject = :subject"), whose).rowcount


def _relink(connection: Connection, whose: Mapping[str, str], new: str) -> int:
    rows = connection.execute(
        text("SELECT id, claims FROM jobs WHERE issuer = :issuer AND subject = :subject"), whose
    ).all()
    for row in rows:
        # A job acts with what its claims say, not with the column.
        claims = replace(Caller.from_claims(json.loads(row.claims)), user=new).to_claims()
        connection.execute(
            text("UPDATE jobs SET subject = :new, claims = :claims WHERE id = :id"),
            {"new": new, "claims": json.dumps(claims), "id": row.id},
        )
    return len(rows)


def _job(row: Row[tuple[object, ...]]) -> Job:
    return Job(
        id=row.id,
        caller=Caller.from_claims(json.loads(row.claims)),
        skill=row.skill,
        arguments=cast("dict[str, Any]", json.loads(row.arguments)),
        state=row.state,
        counts=Counts(total=row.total, done=row.done, changed=row.changed, failed=row.failed),
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
