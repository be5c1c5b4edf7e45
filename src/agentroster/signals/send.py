"""Sends word to the other processes on a database: NOTIFY on PostgreSQL, counters in a table on SQLite."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from agentroster.db.database import Database

CHANNEL = "agentroster"
_TABLE = "CREATE TABLE IF NOT EXISTS signals (topic TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"
_COUNT = "INSERT INTO signals VALUES (:topic, 1) ON CONFLICT (topic) DO UPDATE SET number = number + 1"
_NOTIFY = "SELECT pg_notify(:channel, :payload)"


def send(database: Database, *topics: str, sender: str = "") -> None:
    """Send word of some topics, from a thread; the change itself is committed already. Raises StorageFailed.

    `sender` is left out of who hears it, on PostgreSQL.
    """
    database.call(send_within, topics, sender)


def kind_of(topic: str) -> str:
    """Return the part of a topic that SQLite counts: one row for all jobs, or the table would only grow."""
    return topic.partition(":")[0]


def send_within(connection: Connection, topics: Collection[str], sender: str = "") -> None:
    """Send word of some topics in the transaction of the change: others hear it when, and only if, it is committed."""
    if connection.dialect.name == "postgresql":
        for topic in topics:
            connection.execute(text(_NOTIFY), {"channel": CHANNEL, "payload": f"{sender} {topic}"})
        return
    connection.execute(text(_TABLE))
    for kind in sorted({kind_of(topic) for topic in topics}):
        connection.execute(text(_COUNT), {"topic": kind})
