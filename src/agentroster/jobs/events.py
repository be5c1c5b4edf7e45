"""The events of jobs in the database: numbered from 1 without gaps, by whoever holds the job in their transaction."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, func, insert, literal, select

from agentroster.db.driver import write_rows
from agentroster.jobs.job import EventKind, JobEvent
from agentroster.jobs.schema import job_events

_C = job_events.c
_INSERT = insert(job_events)
_LAST = select(func.max(_C.number)).where(_C.job == bindparam("job"))


def item_text(label: str) -> str:
    """Return a label as it can be stored: file names may hold bytes that no text has."""
    return label.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def last_event(connection: Connection, job_id: str) -> int:
    """Return the number of a job's last event, or 0."""
    return connection.execute(_LAST, {"job": job_id}).scalar_one() or 0


def write_events(connection: Connection, job_id: str, after: int, events: Sequence[JobEvent]) -> None:
    """Append events after a number."""
    rows = [
        {
            "job": job_id, "number": number, "kind": event.kind, "item": item_text(str(event.data.get("item", ""))),
            "data": json.dumps(event.data), "at": event.at,
        }
        for number, event in enumerate(events, start=after + 1)
    ]  # fmt: skip
    write_rows(connection, _INSERT, rows)


def add_event(connection: Connection, job_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
    """Append one event that happens now."""
    event = JobEvent(number=0, kind=kind, data=data, at=time.time())
    write_events(connection, job_id, last_event(connection, job_id), [event])


def read_events(connection: Connection, job_id: str, after: int, most: int) -> list[JobEvent]:
    """Return the next events of a job after a number, which may be any."""
    # A client's number may be larger than any in the table.
    later = select(job_events).where(_C.job == job_id, _C.number > literal(after, BigInteger))
    rows = connection.execute(later.order_by(_C.number).limit(most))
    return [JobEvent(number=row.number, kind=row.kind, data=json.loads(row.data), at=row.at) for row in rows]
