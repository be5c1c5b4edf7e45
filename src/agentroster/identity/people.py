"""What is stored for a person besides credentials: keys and memories."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from agentroster.db.database import Database
from agentroster.identity.key_audit import KeyEvent, record

_MEMORIES = "issuer = :issuer AND subject = :subject"


def purge_person(database: Database, issuer: str, subject: str) -> dict[str, int]:
    """Delete keys and memories of a person; return how many."""
    return database.call(_purge, {"issuer": issuer, "subject": subject})


def relink_person(database: Database, issuer: str, old: str, new: str) -> dict[str, int]:
    """Give memories to another id; where both have one, the newer id's stays. Keys name their user and stay."""
    return database.call(_relink, {"issuer": issuer, "subject": old, "new": new})


def _purge(connection: Connection, whose: Mapping[str, str]) -> dict[str, int]:
    memories = connection.execute(text(f"DELETE FROM memories WHERE {_MEMORIES}"), whose).rowcount  # noqa: S608
    # Keys belong to people of our own; a user of Open WebUI has none.
    own = text("DELETE FROM api_keys WHERE \"user\" = :subject AND forwarder = 0 AND :issuer = 'roster' RETURNING id")
    keys = [row.id for row in connection.execute(own, whose)]
    record(connection, [KeyEvent(action="purge", key_id=key_id, user=whose["subject"]) for key_id in keys])
    return {"keys": len(keys), "memories": memories}


def _relink(connection: Connection, whose: Mapping[str, str]) -> dict[str, int]:
    moved = connection.execute(
        text(
            f"INSERT INTO memories (issuer, subject, skill, name, value) SELECT issuer, :new, skill, name, value "  # noqa: S608
            f"FROM memories WHERE {_MEMORIES} ON CONFLICT DO NOTHING"
        ),
        whose,
    ).rowcount
    connection.execute(text(f"DELETE FROM memories WHERE {_MEMORIES}"), whose)  # noqa: S608
    return {"memories": moved}
