"""The record of API keys: made, used, revoked, refused. Rows are only ever added; no row holds a key.

A use is one row a key and hour, a refusal one row an address, key and minute, with a count: nobody who is refused
decides how much is written.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, text

from agentroster.db.database import Database, quickly

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


_INSERT = 'INSERT INTO key_audit (at, action, key_id, "user", address, outcome, times) VALUES (?, ?, ?, ?, ?, ?, ?)'


def record(connection: Connection, events: Sequence[KeyEvent]) -> None:
    """Append events, in the transaction of what they are about; one without a time happens now."""
    rows = [
        (event.at or time.time(), event.action, event.key_id, event.user, event.address, event.outcome, event.count)
        for event in events
    ]
    if rows:
        quickly(connection, _INSERT, rows)


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
    statement = text(
        "DELETE FROM key_audit WHERE id IN (SELECT id FROM key_audit WHERE at < :at ORDER BY id LIMIT :most)"
    )
    return connection.execute(statement, {"at": at, "most": most}).rowcount


def _read(connection: Connection, user: str | None, since: float, after: int, most: int) -> list[KeyEvent]:
    statement = text(
        'SELECT * FROM key_audit WHERE (CAST(:user AS TEXT) IS NULL OR "user" = :user) '
        "AND at >= :since AND id > :after ORDER BY at DESC, id DESC LIMIT :most"
    )
    rows = connection.execute(statement, {"user": user, "since": since, "after": after, "most": most})
    return [
        KeyEvent(
            id=row.id, at=row.at, action=row.action, key_id=row.key_id, user=row.user,
            address=row.address, outcome=row.outcome, count=row.times,
        )
        for row in rows
    ]  # fmt: skip
