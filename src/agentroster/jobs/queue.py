"""Who works on what: jobs taken in turns by person, kept by their leases, ended with the key that began them.

Everything here runs in a transaction of its own and asks again in the write what it has read: other processes take
jobs from the same table.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, text

from agentroster.db.database import quickly

LEASE_SECONDS = 10.0

AnyRow = Row[tuple[object, ...]]

_WAITING = "(state = 'queued' OR (state = 'running' AND lease_until < :now))"
# One after the other: whoever has fewest jobs at work, then whoever was served longest ago. `here` keeps a place of
# each process for others.
_NEXT_PERSON = text(
    "SELECT waiting.issuer, waiting.subject FROM "  # noqa: S608 - constants, no input
    f"(SELECT issuer, subject, MIN(created_at) AS oldest FROM jobs WHERE {_WAITING} GROUP BY issuer, subject) waiting "
    "LEFT JOIN (SELECT issuer, subject, COUNT(*) AS working, SUM(CASE WHEN worker = :worker THEN 1 ELSE 0 END) AS here "
    "FROM jobs WHERE state = 'running' AND lease_until >= :now GROUP BY issuer, subject) busy "
    "ON busy.issuer = waiting.issuer AND busy.subject = waiting.subject "
    "WHERE COALESCE(busy.here, 0) < :share ORDER BY COALESCE(busy.working, 0), "
    "(SELECT COALESCE(MAX(started_at), 0) FROM jobs served "
    "WHERE served.issuer = waiting.issuer AND served.subject = waiting.subject), oldest LIMIT 1"
)
_TAKE = text(
    "UPDATE jobs SET state = 'running', worker = :worker, lease_until = :until, "  # noqa: S608
    "started_at = COALESCE(started_at, :now) WHERE id = (SELECT id FROM jobs WHERE issuer = :issuer "
    f"AND subject = :subject AND {_WAITING} ORDER BY created_at, id LIMIT 1) AND {_WAITING} RETURNING *"
)
_RENEW = text(
    "UPDATE jobs SET lease_until = :until WHERE id IN :ids AND worker = :worker AND state = 'running' RETURNING id"
).bindparams(bindparam("ids", expanding=True))
_RELEASE = text("UPDATE jobs SET lease_until = 0 WHERE worker = :worker AND state = 'running'")
_KEY_OF = {
    "sqlite": "json_extract(jobs.claims, '$.key_id')",
    "postgresql": "CAST(jobs.claims AS json) ->> 'key_id'",
}
_MOST_ENDED = 500
# The keys of the settings are not in the table: they end with a restart, which their jobs survive.
_KEYS_OF_SETTINGS = ("", "master", "openwebui")
_WHY = {
    "revoked": "The key this job was begun with was revoked.",
    "expired": "The key this job was begun with has expired.",
    "deleted": "The key this job was begun with was deleted.",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of keeping jobs: those still to be worked on, and why others must end."""

    jobs: frozenset[str]
    ended: Mapping[str, str]


def claim(connection: Connection, worker: str, most: int, share: int) -> list[AnyRow]:
    """Take jobs that nobody works on, at most `share` of one person at a time; end those whose key is gone."""
    now = time.time()
    values = {"worker": worker, "until": now + LEASE_SECONDS, "now": now, "share": share}
    _fail(connection, _keyless(connection, _WAITING), f"AND {_WAITING}")
    taken: list[AnyRow] = []
    while len(taken) < most:
        person = connection.execute(_NEXT_PERSON, values).first()
        if person is None:
            break
        # A time of its own for each start: turns are told by it.
        whose = {"issuer": person.issuer, "subject": person.subject, "now": time.time()}
        row = connection.execute(_TAKE, {**values, **whose}).first()
        if row is None:
            # Another process was faster, and has now the rest as well: the next look is soon enough.
            break
        taken.append(row)
    # Once more, for those that are taken now: a key may have been revoked in between.
    gone = _keyless(connection, "id IN :ids", [row.id for row in taken]) if taken else {}
    _fail(connection, gone, "")
    return [row for row in taken if row.id not in gone]


def renew(connection: Connection, worker: str, ids: Collection[str]) -> Kept:
    """Keep these jobs for some more seconds, those of a key that ended excepted."""
    wanted = sorted(ids)
    if not wanted:
        return Kept(frozenset(), {})
    ended = _keyless(connection, "state = 'running' AND id IN :ids", wanted)
    rows = connection.execute(_RENEW, {"worker": worker, "ids": wanted, "until": time.time() + LEASE_SECONDS}).all()
    mine = frozenset(str(row.id) for row in rows)
    return Kept(mine - ended.keys(), {job: why for job, why in ended.items() if job in mine})


def release(connection: Connection, worker: str) -> None:
    """Give unfinished jobs back."""
    connection.execute(_RELEASE, {"worker": worker})


def _keyless(connection: Connection, which: str, ids: Sequence[str] = ()) -> dict[str, str]:
    """Return jobs whose key was revoked, has expired or is gone, each with the reason; `which` is SQL."""
    key = _KEY_OF[connection.dialect.name]
    statement = text(
        "SELECT jobs.id, CASE WHEN api_keys.id IS NULL THEN 'deleted' "  # noqa: S608 - constants, no input
        "WHEN api_keys.revoked_at IS NOT NULL THEN 'revoked' ELSE 'expired' END AS why "
        f"FROM (SELECT id, claims FROM jobs WHERE {which}) jobs LEFT JOIN api_keys ON api_keys.id = {key} "
        f"WHERE {key} NOT IN :settings AND "
        "(api_keys.id IS NULL OR api_keys.revoked_at IS NOT NULL OR api_keys.expires_at <= :now) LIMIT :most"
    ).bindparams(bindparam("settings", expanding=True))
    if ids:
        statement = statement.bindparams(bindparam("ids", expanding=True))
    given = {"settings": _KEYS_OF_SETTINGS, "now": time.time(), "most": _MOST_ENDED, **({"ids": ids} if ids else {})}
    return {row.id: _WHY[row.why] for row in connection.execute(statement, given)}


def _fail(connection: Connection, reasons: Mapping[str, str], condition: str) -> None:
    """End jobs as failed where they are as the condition says, each with its reason as the last event."""
    now = time.time()
    statement = text(
        "UPDATE jobs SET state = 'failed', error = :error, ended_at = :ended "  # noqa: S608 - constants, no input
        f"WHERE id = :id {condition} RETURNING total, done, changed, failed"
    )
    for job_id, why in reasons.items():
        values = {"id": job_id, "error": why, "ended": now, **({"now": now} if condition else {})}
        row = connection.execute(statement, values).first()
        if row is not None:
            counts = {"total": row.total, "done": row.done, "changed": row.changed, "failed": row.failed}
            add_event(connection, job_id, "failed", {**counts, "error": why})


def fail_unfinished(connection: Connection, reason: str) -> int:
    """End all jobs that wait or run, because this database is not the one they went on in; return how many."""
    rows = connection.execute(text("SELECT id FROM jobs WHERE state IN ('queued', 'running')")).all()
    _fail(connection, {str(row.id): reason for row in rows}, "")
    return len(rows)


def add_event(connection: Connection, job_id: str, kind: str, data: Mapping[str, object]) -> None:
    """Append one event of a job that this transaction holds."""
    number = last_event(connection, job_id) + 1
    quickly(connection, INSERT_EVENT, [(job_id, number, kind, "", json.dumps(data), time.time())])


INSERT_EVENT = "INSERT INTO job_events (job, number, kind, item, data, at) VALUES (?, ?, ?, ?, ?, ?)"


def last_event(connection: Connection, job_id: str) -> int:
    """Return the number of a job's last event, or 0."""
    return (
        connection.execute(text("SELECT MAX(number) FROM job_events WHERE job = :id"), {"id": job_id}).scalar_one() or 0
    )
