"""Jobs and their events in the database. Methods block: call them through `Database.in_thread`."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import Connection, Row, text

from agentroster.db import Database, quickly
from agentroster.identity.caller import Caller
from agentroster.jobs.job import Counts, Job, JobEvent, JobState

LEASE_SECONDS = 10.0
_ENDED = "state IN ('completed', 'failed', 'cancelled')"


class JobStore:
    """A job belongs to the person who began it: for everybody else it does not exist."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, caller: Caller, skill: str, arguments: Mapping[str, Any]) -> Job:
        """Put a job into the queue."""
        return self.database.call(_create, caller, skill, arguments)

    def find(self, caller: Caller, job_id: str) -> Job | None:
        """Return a job of this caller."""
        return self.database.call(_find, caller, job_id)

    def of_caller(self, caller: Caller, most: int = 50) -> list[Job]:
        """Return this caller's jobs, newest first."""
        return self.database.call(_of_caller, caller, most)

    def claim(self, worker: str, most: int) -> list[Job]:
        """Take the oldest jobs that nobody works on: queued ones, and those whose worker died."""
        return self.database.call(_claim, worker, most) if most > 0 else []

    def renew(self, worker: str) -> set[str]:
        """Keep the jobs of this worker for some more seconds; return those that are still to be worked on."""
        return self.database.call(_renew, worker)

    def release(self, worker: str) -> None:
        """Give unfinished jobs back, so that the next process goes on with them at once."""
        self.database.call(_release, worker)

    def append(self, job_id: str, events: Sequence[JobEvent], counts: Counts, state: JobState, error: str = "") -> None:
        """Number and add events and set what the job shows, in one transaction; nothing is added to an ended job."""
        self.database.call(_append, job_id, events, counts, state, error)

    def cancel(self, caller: Caller, job_id: str) -> bool:
        """Cancel a job that has not ended; return whether this did it."""
        return self.database.call(_cancel, caller, job_id)

    def events(self, job_id: str, after: int, most: int = 500) -> list[JobEvent]:
        """Return the next events of a job after a number."""
        return self.database.call(_events, job_id, after, most)

    def has_ended_by(self, job_id: str, number: int) -> bool:
        """Whether the job has ended and this is its last event."""
        return self.database.call(_has_ended_by, job_id, number)

    def done_items(self, job_id: str) -> set[str]:
        """Return the labels of the items that are done."""
        return self.database.call(_done_items, job_id)

    def purge(self, issuer: str, subject: str) -> int:
        """Delete a person's jobs; return how many."""
        return self.database.call(_purge, {"issuer": issuer, "subject": subject})

    def relink(self, issuer: str, old: str, new: str) -> int:
        """Give a person's jobs to their new id, under which unfinished ones go on; return how many."""
        return self.database.call(_relink, {"issuer": issuer, "subject": old}, new)


_OWNED = "id = :id AND issuer = :issuer AND subject = :subject"


def _whose(caller: Caller, job_id: str = "") -> dict[str, object]:
    return {"id": job_id, "issuer": caller.issuer, "subject": caller.user or ""}


def _create(connection: Connection, caller: Caller, skill: str, arguments: Mapping[str, Any]) -> Job:
    job_id = f"job_{secrets.token_hex(12)}"
    now = time.time()
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


def _find(connection: Connection, caller: Caller, job_id: str) -> Job | None:
    statement = text(f"SELECT * FROM jobs WHERE {_OWNED}")  # noqa: S608 - constants, no input
    row = connection.execute(statement, _whose(caller, job_id)).first()
    return None if row is None else _job(row)


def _of_caller(connection: Connection, caller: Caller, most: int) -> list[Job]:
    statement = text(
        "SELECT * FROM jobs WHERE issuer = :issuer AND subject = :subject ORDER BY created_at DESC, id LIMIT :most"
    )
    return [_job(row) for row in connection.execute(statement, {**_whose(caller), "most": most})]


def _claim(connection: Connection, worker: str, most: int) -> list[Job]:
    now = time.time()
    statement = text(
        "UPDATE jobs SET state = 'running', worker = :worker, lease_until = :until, "
        "started_at = COALESCE(started_at, :now) WHERE id IN (SELECT id FROM jobs WHERE "
        "(state = 'queued' OR (state = 'running' AND lease_until < :now)) ORDER BY created_at, id LIMIT :most) "
        # Asked again in the update itself: another process may have been faster.
        "AND (state = 'queued' OR lease_until < :now) RETURNING *"
    )
    values = {"worker": worker, "until": now + LEASE_SECONDS, "now": now, "most": most}
    return [_job(row) for row in connection.execute(statement, values).all()]


def _renew(connection: Connection, worker: str) -> set[str]:
    statement = text("UPDATE jobs SET lease_until = :until WHERE worker = :worker AND state = 'running' RETURNING id")
    rows = connection.execute(statement, {"worker": worker, "until": time.time() + LEASE_SECONDS}).all()
    return {row.id for row in rows}


def _release(connection: Connection, worker: str) -> None:
    statement = text("UPDATE jobs SET lease_until = 0 WHERE worker = :worker AND state = 'running'")
    connection.execute(statement, {"worker": worker})


def _append(
    connection: Connection, job_id: str, events: Sequence[JobEvent], counts: Counts, state: JobState, error: str
) -> None:
    values = {
        "total": counts.total,
        "done": counts.done,
        "changed": counts.changed,
        "failed": counts.failed,
        "error": error,
        "state": state,
        "ended": int(state not in {"queued", "running"}),
        "now": time.time(),
        "id": job_id,
    }
    # First, because it locks the job: numbers have no gaps, and nothing comes after the end.
    if connection.execute(_PROGRESS, values).first() is None or not events:
        return
    last = _last_event(connection, job_id)
    rows = [_event_row(job_id, last + place, event) for place, event in enumerate(events, start=1)]
    quickly(connection, _INSERT_EVENT, rows)


_PROGRESS = text(
    "UPDATE jobs SET total = :total, done = :done, changed = :changed, failed = :failed, error = :error, "  # noqa: S608
    "state = :state, ended_at = CASE WHEN :ended = 1 THEN :now ELSE ended_at END "
    f"WHERE id = :id AND NOT {_ENDED} RETURNING id"
)
_INSERT_EVENT = "INSERT INTO job_events (job, number, kind, item, data, at) VALUES (?, ?, ?, ?, ?, ?)"


def _event_row(job_id: str, number: int, event: JobEvent) -> tuple[object, ...]:
    return job_id, number, event.kind, str(event.data.get("item", "")), json.dumps(event.data), event.at


def _cancel(connection: Connection, caller: Caller, job_id: str) -> bool:
    statement = text(
        f"UPDATE jobs SET state = 'cancelled', ended_at = :now WHERE {_OWNED} AND NOT {_ENDED} "  # noqa: S608
        "RETURNING total, done, changed, failed"
    )
    row = connection.execute(statement, {**_whose(caller, job_id), "now": time.time()}).first()
    if row is None:
        return False
    data = {"total": row.total, "done": row.done, "changed": row.changed, "failed": row.failed}
    values = (job_id, _last_event(connection, job_id) + 1, "cancelled", "", json.dumps(data), time.time())
    quickly(connection, _INSERT_EVENT, [values])
    return True


def _events(connection: Connection, job_id: str, after: int, most: int) -> list[JobEvent]:
    statement = text(
        "SELECT number, kind, data, at FROM job_events WHERE job = :job AND number > :after ORDER BY number LIMIT :most"
    )
    rows = connection.execute(statement, {"job": job_id, "after": after, "most": most})
    return [JobEvent(number=row.number, kind=row.kind, data=json.loads(row.data), at=row.at) for row in rows]


def _last_event(connection: Connection, job_id: str) -> int:
    statement = text("SELECT MAX(number) FROM job_events WHERE job = :id")
    return connection.execute(statement, {"id": job_id}).scalar_one() or 0


def _has_ended_by(connection: Connection, job_id: str, number: int) -> bool:
    statement = text(f"SELECT 1 FROM jobs WHERE id = :id AND {_ENDED}")  # noqa: S608 - a constant
    ended = connection.execute(statement, {"id": job_id}).first() is not None
    return ended and _last_event(connection, job_id) <= number


def _done_items(connection: Connection, job_id: str) -> set[str]:
    statement = text("SELECT item FROM job_events WHERE job = :job AND kind = 'item'")
    return {row.item for row in connection.execute(statement, {"job": job_id})}


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
