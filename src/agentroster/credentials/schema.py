"""The tables of `credentials.db`. Readable in the clear: whose, which provider, label, scopes, times, state, key id."""

from collections.abc import Mapping, Sequence

from sqlalchemy import DDL, Column, Connection, Index, Integer, MetaData, Table, Text, event

from agentroster.credentials.credential import Owner
from agentroster.db.driver import SqlRow
from agentroster.db.schema import SECONDS, Schema, add_columns, create, required, row_number

installation = Table("installation", MetaData(), Column("name", Text, primary_key=True), *required(Text, "value"))
credentials = Table(
    "credentials",
    MetaData(),
    *required(Text, "issuer", "subject", "provider", is_key=True),
    *required(Text, "label", "scopes"),
    Column("expires_at", SECONDS),
    *required(SECONDS, "created_at", "updated_at"),
    *required(Text, "key_id", "secret"),
    Column("state", Text, nullable=False, server_default="ok"),
    # Until when some process refreshes this credential: two at once would look like theft to the provider.
    Column("lease_until", SECONDS),
    Index("credentials_by_key", "key_id"),
    sqlite_with_rowid=False,
)
tickets = Table(
    "tickets",
    MetaData(),
    Column("digest", Text, primary_key=True),
    *required(Text, "issuer", "subject", "provider", "person"),
    *required(Integer, "attempts"),
    *required(SECONDS, "expires_at"),
    sqlite_with_rowid=False,
)
oauth_states = Table(
    "oauth_states",
    MetaData(),
    Column("digest", Text, primary_key=True),
    *required(Text, "issuer", "subject", "provider", "browser", "details"),
    *required(SECONDS, "expires_at"),
    sqlite_with_rowid=False,
)
audit = Table(
    "audit",
    MetaData(),
    row_number(),
    *required(SECONDS, "at"),
    *required(Text, "issuer", "subject", "provider", "action", "actor", "agent", "tool", "outcome", "use_id"),
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


def owner_in(row: SqlRow) -> Owner:
    """Return the owner that a row names."""
    return Owner(issuer=row.issuer, subject=row.subject, provider=row.provider)


def _stored(connection: Connection) -> None:
    create(connection, installation, credentials)


def _connected_and_recorded(connection: Connection) -> None:
    add_columns(connection, credentials.c.state, credentials.c.lease_until)
    create(connection, tickets, oauth_states, audit)


CREDENTIALS_SCHEMA = Schema("credentials", (_stored, _connected_and_recorded))
