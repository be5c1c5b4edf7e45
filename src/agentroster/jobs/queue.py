"""Hands out jobs: in turns by person, held by leases, ended with the key that began them.

Everything here runs in a transaction of its own and asks again in the write what it has read: other processes take
jobs from the same table.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, FromClause, and_, bindparam, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from agentroster.db.driver import AnySelect, SqlRow
from agentroster.identity.schema import api_keys
from agentroster.jobs.events import add_event
from agentroster.jobs.job import CANCELLING
from agentroster.jobs.schema import COUNTS, jobs
from agentroster.messages import say
from agentroster.signals.send import send_within
from agentroster.signals.topics import job_topic

LEASE_SECONDS = 10.0

_C = jobs.c
# `of_`: an UPDATE sets each column that a value is given for.
_HELD = _C.worker == bindparam("of_worker"), _C.state == "running"


def _waiting(table: FromClause = jobs) -> ColumnElement[bool]:
    lapsed = and_(table.c.state == "running", table.c.lease_until < bindparam("now"))
    return sa.or_(table.c.state == "queued", lapsed)


def _next_person() -> AnySelect:
    """One after the other: whoever has fewest jobs at work, then whoever was served longest ago.

    `share` keeps a place of each process for others.
    """
    person = _C.issuer, _C.subject
    waiting = select(*person, func.min(_C.created_at).label("oldest")).where(_waiting()).group_by(*person).subquery()
    here = func.sum(sa.case((_C.worker == bindparam("of_worker"), 1), else_=0)).label("here")
    at_work = select(*person, func.count().label("working"), here).group_by(*person)
    busy = at_work.where(_C.state == "running", _C.lease_until >= bindparam("now")).subquery()

    def same(other: FromClause) -> ColumnElement[bool]:
        return and_(other.c.issuer == waiting.c.issuer, other.c.subject == waiting.c.subject)

    served = jobs.alias()
    last_served = select(func.coalesce(func.max(served.c.started_at), 0)).where(same(served)).scalar_subquery()
    return (
        select(waiting.c.issuer, waiting.c.subject)
        .select_from(waiting.outerjoin(busy, same(busy)))
        .where(func.coalesce(busy.c.here, 0) < bindparam("share"))
        .order_by(func.coalesce(busy.c.working, 0), last_served, waiting.c.oldest)
        .limit(1)
    )


def _take() -> ReturningUpdate[Any]:
    other = jobs.alias()
    theirs = other.c.issuer == bindparam("of_issuer"), other.c.subject == bindparam("of_subject"), _waiting(other)
    first = select(other.c.id).where(*theirs).order_by(other.c.created_at, other.c.id).limit(1).scalar_subquery()
    started_at = func.coalesce(_C.started_at, bindparam("now"))
    taken = update(jobs).where(_C.id == first, _waiting()).values(state="running", started_at=started_at)
    return taken.returning(jobs)


_WAITING, _NEXT_PERSON, _TAKE = _waiting(), _next_person(), _take()
_CANCELLED_NAMED = select(_C.id).where(
    _C.id.in_(bindparam("ids", expanding=True)), _C.worker == bindparam("of_worker"), _C.state == CANCELLING
)
_ABANDONED = and_(_C.state == CANCELLING, _C.lease_until < bindparam("now"))
_ABANDONED_ONES = select(_C.id).where(_ABANDONED).limit(1)
_RENEW = update(jobs).where(_C.id.in_(bindparam("ids", expanding=True)), *_HELD).returning(_C.id)
# A text on SQLite, JSON on PostgreSQL.
_KEY = sa.cast(_C.claims, sa.JSON().with_variant(sa.Text(), "sqlite"))["key_id"].as_string()
_MAX_ENDED = 500
# The keys of the settings are not in the table: they end with a restart, which their jobs survive.
_KEYS_OF_SETTINGS = ("", "master", "openwebui")
_REASON = sa.case(
    (api_keys.c.id.is_(None), "deleted"),
    (api_keys.c.revoked_at.is_not(None), "revoked"),
    (api_keys.c.expires_at <= bindparam("now"), "expired"),
).label("reason")
_KEYLESS = (
    select(_C.id, _REASON)
    .select_from(jobs.outerjoin(api_keys, api_keys.c.id == _KEY))
    .where(_KEY.not_in(_KEYS_OF_SETTINGS), _REASON.is_not(None))
    .limit(_MAX_ENDED)
)
_KEYLESS_WAITING = _KEYLESS.where(_WAITING)
_KEYLESS_NAMED = _KEYLESS.where(_C.id.in_(bindparam("ids", expanding=True)), _C.state == "running")


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of keeping jobs: those still to be worked on, why others must end, and which their person cancelled."""

    jobs: frozenset[str]
    ended: Mapping[str, str]
    cancelled: frozenset[str] = frozenset()


def claim(connection: Connection, worker: str, most: int, share: int) -> list[SqlRow]:
    """Take jobs that nobody works on, at most `share` of one person at a time; end those whose key is gone."""
    now = time.time()
    if connection.execute(_ABANDONED_ONES, {"now": now}).first() is not None:
        # Asked first: a write that finds nothing would take the only writer's place on SQLite.
        end_cancelled(connection, _ABANDONED, now=now)
    _fail(connection, _reasons(connection, _KEYLESS_WAITING, now=now), _WAITING)
    taken: list[SqlRow] = []
    while len(taken) < most:
        person = connection.execute(_NEXT_PERSON, {"of_worker": worker, "now": now, "share": share}).first()
        if person is None:
            break
        whose = {"of_issuer": person.issuer, "of_subject": person.subject}
        # A time of its own for each start: turns are told by it.
        lease = {"worker": worker, "lease_until": now + LEASE_SECONDS, "now": time.time()}
        row = connection.execute(_TAKE, {**whose, **lease}).first()
        if row is None:
            # Another process was faster, and has now the rest as well: the next look is soon enough.
            break
        taken.append(row)
    # Once more, for those that are taken now: a key may have been revoked in between.
    gone = _reasons(connection, _KEYLESS_NAMED, ids=[row.id for row in taken]) if taken else {}
    _fail(connection, gone)
    return [row for row in taken if row.id not in gone]


def renew(connection: Connection, worker: str, ids: Collection[str]) -> Kept:
    """Keep these jobs for some more seconds, those of a key that ended excepted."""
    wanted = sorted(ids)
    if not wanted:
        return Kept(frozenset(), {})
    ended = _reasons(connection, _KEYLESS_NAMED, ids=wanted)
    values = {"of_worker": worker, "ids": wanted, "lease_until": time.time() + LEASE_SECONDS}
    rows = connection.execute(_RENEW, values).all()
    mine = frozenset(str(row.id) for row in rows)
    found = (
        connection.execute(_CANCELLED_NAMED, {"of_worker": worker, "ids": wanted}) if len(mine) < len(wanted) else ()
    )
    cancelled = frozenset(str(row.id) for row in found)
    return Kept(mine - ended.keys(), {job: why for job, why in ended.items() if job in mine}, cancelled)


def is_waiting(connection: Connection) -> bool:
    """Whether there is a job that nobody works on."""
    some = select(_C.id).where(sa.or_(_WAITING, _ABANDONED)).limit(1)
    return connection.execute(some, {"now": time.time()}).first() is not None


def held_by(connection: Connection, worker: str) -> dict[str, int]:
    """Return the jobs that a worker has, each with the number of its items that are done."""
    rows = connection.execute(select(_C.id, _C.done).where(*_HELD), {"of_worker": worker})
    return {row.id: row.done for row in rows}


def give_up(connection: Connection, ids: Collection[str], reason: str) -> None:
    """End jobs at work as failed, with a reason."""
    _fail(connection, dict.fromkeys(ids, reason), _C.state == "running")


def release(connection: Connection, worker: str) -> None:
    """Give unfinished jobs back, and end those that were being cancelled."""
    end_cancelled(connection, and_(_C.state == CANCELLING, _C.worker == bindparam("of_worker")), of_worker=worker)
    connection.execute(update(jobs).where(*_HELD), {"of_worker": worker, "lease_until": 0})


def _reasons(connection: Connection, keyless: AnySelect, **values: object) -> dict[str, str]:
    """Return jobs whose key was revoked, has expired or is gone, each with the reason."""
    rows = connection.execute(keyless, {"now": time.time(), **values})
    return {row.id: _sentence(row.reason) for row in rows}


def _sentence(reason: str) -> str:
    match reason:
        case "deleted":
            return say("jobs.key_deleted")
        case "revoked":
            return say("jobs.key_revoked")
        case _:
            return say("jobs.key_expired")


def _fail(connection: Connection, reasons: Mapping[str, str], *conditions: ColumnElement[bool]) -> None:
    """End jobs as failed where they are as the conditions say, each with its reason as the last event."""
    now = time.time()
    for job_id, why in reasons.items():
        failed = update(jobs).where(_C.id == job_id, *conditions).values(state="failed", error=why, ended_at=now)
        row = connection.execute(failed.returning(*COUNTS), {"now": now} if conditions else {}).mappings().first()
        if row is not None:
            add_event(connection, job_id, "failed", {**row, "error": why})


def end_cancelled(connection: Connection, condition: ColumnElement[bool], **values: object) -> bool:
    """End jobs as cancelled where they are as the condition says; return whether there was one."""
    cancelled = update(jobs).where(condition).values(state="cancelled", ended_at=time.time())
    rows = connection.execute(cancelled.returning(_C.id, *COUNTS), values).mappings().all()
    for row in rows:
        add_event(connection, row["id"], "cancelled", {name: row[name] for name in row if name != "id"})
        send_within(connection, [job_topic(row["id"])])
    return bool(rows)


def fail_unfinished(connection: Connection, reason: str) -> int:
    """End all jobs that wait or run, because this database is not the one they went on in; return how many."""
    rows = connection.execute(select(_C.id).where(_C.state.in_(("queued", "running", CANCELLING)))).all()
    _fail(connection, {str(row.id): reason for row in rows})
    return len(rows)
