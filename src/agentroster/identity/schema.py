"""The tables of keys and of what was done with them, in the database of the proxy."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text

from agentroster.db.schema import SECONDS, required, row_number

api_keys = Table(
    "api_keys",
    MetaData(),
    Column("id", Text, primary_key=True),
    *required(LargeBinary, "digest"),
    *required(Text, "user"),
    *required(Integer, "forwarder"),
    *required(Text, "models"),
    *required(SECONDS, "created_at"),
    Column("expires_at", SECONDS),
    Column("last_used_at", SECONDS),
    Column("revoked_at", SECONDS),
)
key_audit = Table(
    "key_audit",
    MetaData(),
    row_number(),
    *required(SECONDS, "at"),
    *required(Text, "action", "key_id", "user", "address", "outcome"),
    *required(Integer, "times"),
    Index("key_audit_by_time", "at"),
)
