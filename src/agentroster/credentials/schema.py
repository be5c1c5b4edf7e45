"""The tables of `credentials.db`. Readable in the clear: whose, which provider, label, scopes, times, state, key id."""

from collections.abc import Mapping, Sequence

from sqlalchemy import DDL, Column, Connection, Index, Integer, MetaData, Table, Text, event

from agentroster.db.schema import SECONDS, Schema, add_columns, create, row_number

_TABLES = MetaData()

installation = Table(
    "installation", _TABLES, Column("name", Text, primary_key=True), Column("value", Text, nullable=False)
)
credentials = Table(
    "credentials",
    _TABLES,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("expires_at", SECONDS),
    Column("created_at", SECONDS, nullable=False),
    Column("updated_at", SECONDS, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="ok"),
    # Until when some process refreshes this credential: two at once would look like theft to the provider.
    Column("lease_until", SECONDS),
    Index("credentials_by_key", "key_id"),
    sqlite_with_rowid=False,
)
tickets = Table(
    "tickets",
    _TABLES,
    Column("digest", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("expires_at", SECONDS, nullable=False),
    sqlite_with_rowid=False,
)
oauth_states = Table(
    "oauth_states",
    _TABLES,
    Column("digest", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("expires_at", SECONDS, nullable=False),
    sqlite_with_rowid=False,
)
audit = Table(
    "audit",
    _TABLES,
    row_number(),
    Column("at", SECONDS, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("use_id", Text, nullable=False),
)

# Core knows no triggers: each dialect's own words.
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit table is append-only'); END"
_NO_DELETE = f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit {_REFUSE}"
_APPEND_ONLY: Mapping[str, Sequence[str]] = {
    "sqlite": (f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit {_REFUSE}", _NO_DELETE),
    "postgresql": (
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit table is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ),
}
for _dialect, _statements in _APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(audit, "after_create", DDL(_statement).execute_if(dialect=_dialect))

DELETABLE: Mapping[str, tuple[Sequence[str], str]] = {
    "sqlite": (("BEGIN IMMEDIATE", "DROP TRIGGER audit_no_delete"), _NO_DELETE),
    "postgresql": (
        ("SET LOCAL lock_timeout = '5s'", "ALTER TABLE audit DISABLE TRIGGER audit_append_only"),
        "ALTER TABLE audit ENABLE TRIGGER audit_append_only",
    ),
}
"""For each dialect, what lets rows of the audit table be deleted in a transaction, and what forbids it again."""


def _stored(connection: Connection) -> None:
    create(connection, installation, credentials)


def _connected_and_recorded(connection: Connection) -> None:
    add_columns(connection, credentials.c.state, credentials.c.lease_until)
    create(connection, tickets, oauth_states, audit)


CREDENTIALS_SCHEMA = Schema("credentials", (_stored, _connected_and_recorded))
