"""The append-only record: who did what with which credential, through which agent and tool, how it ended."""

import time
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection, text

from agentroster.credentials.credential import Owner
from agentroster.db import Database

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


class AuditLog:
    """Reads the record; everything that touches a credential writes it in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, *, subject: str | None = None, provider: str | None = None, most: int = 100) -> list[AuditEntry]:
        """Return the newest entries, newest first; a use once, with its final outcome."""
        return self._database.call(_read, subject, provider, most)

    def write(self, owner: Owner, act: Act) -> None:
        """Append one entry."""
        self._database.call(record, owner, act)


_INSERT = text(
    "INSERT INTO audit (at, issuer, subject, provider, action, actor, agent, tool, outcome, use_id) "
    "VALUES (:at, :issuer, :subject, :provider, :action, :actor, :agent, :tool, :outcome, :use_id)"
)


def record(connection: Connection, owner: Owner, act: Act) -> None:
    """Append one entry in the transaction of what it is about."""
    connection.execute(
        _INSERT,
        {
            "at": time.time(),
            "issuer": owner.issuer,
            "subject": owner.subject,
            "provider": owner.provider,
            "action": act.action,
            "actor": act.actor,
            "agent": act.agent,
            "tool": act.tool,
            "outcome": act.outcome,
            "use_id": act.use_id,
        },
    )


def _read(connection: Connection, subject: str | None, provider: str | None, most: int) -> list[AuditEntry]:
    statement = text(
        "SELECT * FROM audit AS entry WHERE (CAST(:subject AS TEXT) IS NULL OR subject = :subject) "
        "AND (CAST(:provider AS TEXT) IS NULL OR provider = :provider) "
        "AND NOT (outcome = :started AND EXISTS (SELECT 1 FROM audit AS later "
        "WHERE later.subject = entry.subject AND later.id > entry.id AND later.use_id = entry.use_id)) "
        "ORDER BY id DESC LIMIT :most"
    )
    rows = connection.execute(
        statement, {"subject": subject, "provider": provider, "most": most, "started": STARTED}
    ).all()
    return [
        AuditEntry(
            at=row.at,
            owner=Owner(issuer=row.issuer, subject=row.subject, provider=row.provider),
            act=Act(
                action=row.action,
                actor=row.actor,
                agent=row.agent,
                tool=row.tool,
                outcome=row.outcome,
                use_id=row.use_id,
            ),
        )
        for row in rows
    ]
