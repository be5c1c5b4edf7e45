"""The record of API keys: made, used, revoked, refused. Rows are only ever added; no row holds a key.

A use is one row a key and hour, a refusal one row an address, key and minute, with a count: nobody who is refused
decides how much is written.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, delete, insert, select

from agentroster.db.database import Database
from agentroster.db.driver import write_rows
from agentroster.identity.schema import key_audit

KeyAction: TypeAlias = Literal["create", "use", "revoke", "purge", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """One row. `at` is in seconds since 1970 UTC; `key_id` is the public part; `count` says how many were alike."""

    action: KeyAction
    at: float = 0.0
    id: int = 0
    key_id: str = ""
    user: str = ""
    address: str = ""
    outcome: str = "ok"
    count: int = 1


_C = key_audit.c
_INSERT = insert(key_audit)


def record(connection: Connection, events: Sequence[KeyEvent]) -> None:
    """Append events, in the transaction of what they are about; one without a time happens now."""
    write_rows(connection, _INSERT, [_values(event) for event in events])


def _values(event: KeyEvent) -> Mapping[str, object]:
    return {
        "at": event.at or time.time(), "action": event.action, "key_id": event.key_id, "user": event.user,
        "address": event.address, "outcome": event.outcome, "times": event.count,
    }  # fmt: skip


class KeyAudit:
    """Reads the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, *, user: str | None = None, since: float = 0.0, after: int = 0, most: int = 100) -> list[KeyEvent]:
        """Return the newest rows, newest first: those of a user, since a time, after a row."""
        return self._database.call(_read, user, since, after, most)

    def drop_before(self, at: float, most: int) -> int:
        """Delete up to so many rows from before a time; return how many."""
        return self._database.call(_drop_before, at, most)


def _drop_before(connection: Connection, at: float, most: int) -> int:
    oldest = select(_C.id).where(_C.at < at).order_by(_C.id).limit(most)
    return connection.execute(delete(key_audit).where(_C.id.in_(oldest))).rowcount


def _read(connection: Connection, user: str | None, since: float, after: int, most: int) -> list[KeyEvent]:
    rows = select(key_audit).where(_C.at >= since, _C.id > after)
    if user is not None:
        rows = rows.where(_C.user == user)
    return [
        KeyEvent(
            id=row.id, at=row.at, action=row.action, key_id=row.key_id, user=row.user,
            address=row.address, outcome=row.outcome, count=row.times,
        )
        for row in connection.execute(rows.order_by(_C.at.desc(), _C.id.desc()).limit(most))
    ]  # fmt: skip
