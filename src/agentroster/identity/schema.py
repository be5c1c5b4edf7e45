"""The tables of keys and of what was done with them, in the database of the proxy."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text

from agentroster.db.schema import SECONDS, row_number

_TABLES = MetaData()

api_keys = Table(
    "api_keys",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("user", Text, nullable=False),
    Column("forwarder", Integer, nullable=False),
    Column("models", Text, nullable=False),
    Column("created_at", SECONDS, nullable=False),
    Column("expires_at", SECONDS),
    Column("last_used_at", SECONDS),
    Column("revoked_at", SECONDS),
)
key_audit = Table(
    "key_audit",
    _TABLES,
    row_number(),
    Column("at", SECONDS, nullable=False),
    Column("action", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Index("key_audit_by_time", "at"),
)
