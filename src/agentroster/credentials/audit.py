"""The append-only record: who did what with which credential, through which agent and tool, how it ended."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, delete, insert, select

from agentroster.credentials.credential import Owner
from agentroster.credentials.schema import DELETABLE, audit, owner_in
from agentroster.db.database import Database
from agentroster.db.driver import SqlRow, write_rows

Action: TypeAlias = Literal[
    "use", "connect", "set", "refresh", "rotate", "disconnect", "delete", "purge", "relink", "export", "import", "llm"
]
Actor: TypeAlias = Literal["user", "operator", "proxy"]

STARTED = "started"
"""The outcome of a use that is not over; a row with the same use id follows, unless the process was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing done with a credential; never its secret."""

    action: Action
    actor: Actor
    outcome: str = "ok"
    agent: str = ""
    tool: str = ""
    use_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row. `at` is in seconds since 1970 UTC."""

    at: float
    owner: Owner
    act: Act
    id: int = 0


class AuditLog:
    """Reads the record; everything that touches a credential writes it in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self,
        *,
        subject: str | None = None,
        provider: str | None = None,
        since: float = 0.0,
        after: int = 0,
        most: int = 100,
    ) -> list[AuditEntry]:
        """Return the newest entries, newest first, since a time and after a row; a use once, with its final outcome."""
        return self._database.call(_read, {"subject": subject, "provider": provider}, since, after, most)

    def write(self, owner: Owner, act: Act) -> None:
        """Append one entry."""
        self._database.call(record, owner, act)

    def write_all(self, entries: Sequence[AuditEntry]) -> None:
        """Append many entries in one transaction."""
        self._database.call(record_all, entries)

    def drop_before(self, at: float, most: int) -> int:
        """Delete up to `most` of the oldest entries from before a time; return how many. Nothing else deletes any."""
        return self._database.call(_drop_before, at, most)


_INSERT = insert(audit)


def record(connection: Connection, owner: Owner, act: Act) -> None:
    """Append one entry in the transaction of what it is about."""
    record_all(connection, [AuditEntry(at=time.time(), owner=owner, act=act)])


def record_all(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Append many entries."""
    rows = [{"at": entry.at, **asdict(entry.owner), **asdict(entry.act)} for entry in entries]
    write_rows(connection, _INSERT, rows)


def _drop_before(connection: Connection, at: float, most: int) -> int:
    oldest = select(audit.c.id).where(audit.c.at < at).order_by(audit.c.id).limit(most)
    if connection.execute(oldest.limit(1)).first() is None:
        return 0
    # Statements may neither change nor delete: that is lifted inside this transaction, for everybody or for nobody.
    before, after = DELETABLE[connection.dialect.name]
    for statement in before:
        connection.exec_driver_sql(statement)
    deleted = connection.execute(delete(audit).where(audit.c.id.in_(oldest))).rowcount
    connection.exec_driver_sql(after)
    return deleted


def _read(
    connection: Connection, wanted: Mapping[str, str | None], since: float, after: int, most: int
) -> list[AuditEntry]:
    rows = select(audit).where(audit.c.at >= since, audit.c.id > after)
    for name, value in wanted.items():
        if value is not None:
            rows = rows.where(audit.c[name] == value)
    ended: set[str] = set()
    found: list[AuditEntry] = []
    # A use has two rows at most, of which one is shown.
    for row in connection.execute(rows.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(2 * most)):
        # Newest first, so the end of a use comes before its beginning.
        if row.outcome == STARTED and row.use_id in ended:
            continue
        ended.add(row.use_id)
        found.append(_entry(row))
        if len(found) == most:
            break
    return found


def _entry(row: SqlRow) -> AuditEntry:
    act = Act(
        action=row.action, actor=row.actor, agent=row.agent, tool=row.tool, outcome=row.outcome, use_id=row.use_id
    )
    return AuditEntry(at=row.at, owner=owner_in(row), act=act, id=row.id)
