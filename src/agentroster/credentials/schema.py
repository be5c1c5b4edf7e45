"""The tables of `credentials.db`. Readable in the clear: whose, which provider, label, scopes, times, state, key id."""

from collections.abc import Mapping, Sequence

from agentroster.db.database import Schema

_REFUSE = "RAISE(ABORT, 'the audit table is append-only')"

_NO_DELETE = f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT {_REFUSE}; END"

DELETABLE: Mapping[str, tuple[Sequence[str], str]] = {
    "sqlite": (("BEGIN IMMEDIATE", "DROP TRIGGER audit_no_delete"), _NO_DELETE),
    "postgresql": (
        ("SET LOCAL lock_timeout = '5s'", "ALTER TABLE audit DISABLE TRIGGER audit_append_only"),
        "ALTER TABLE audit ENABLE TRIGGER audit_append_only",
    ),
}
"""For each dialect, what lets rows of the audit table be deleted in a transaction, and what forbids it again."""

CREDENTIALS_SCHEMA = Schema(
    "credentials",
    (
        (
            "CREATE TABLE installation (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            """CREATE TABLE credentials (
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                label TEXT NOT NULL,
                scopes TEXT NOT NULL,
                expires_at REAL,
                created_at REAL NOT NULL,
                updated_at REAL NOT NULL,
                key_id TEXT NOT NULL,
                secret TEXT NOT NULL,
                PRIMARY KEY (issuer, subject, provider)
            ) WITHOUT ROWID""",
            "CREATE INDEX credentials_by_key ON credentials (key_id)",
        ),
        (
            "ALTER TABLE credentials ADD COLUMN state TEXT NOT NULL DEFAULT 'ok'",
            # Until when some process refreshes this credential: two at once would look like theft to the provider.
            "ALTER TABLE credentials ADD COLUMN lease_until REAL",
            """CREATE TABLE tickets (
                digest TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                person TEXT NOT NULL,
                attempts INTEGER NOT NULL,
                expires_at REAL NOT NULL
            ) WITHOUT ROWID""",
            """CREATE TABLE oauth_states (
                digest TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                browser TEXT NOT NULL,
                details TEXT NOT NULL,
                expires_at REAL NOT NULL
            ) WITHOUT ROWID""",
            """CREATE TABLE audit (
                id INTEGER PRIMARY KEY,
                at REAL NOT NULL,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                provider TEXT NOT NULL,
                action TEXT NOT NULL,
                actor TEXT NOT NULL,
                agent TEXT NOT NULL,
                tool TEXT NOT NULL,
                outcome TEXT NOT NULL,
                use_id TEXT NOT NULL
            )""",
            {
                "sqlite": f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT {_REFUSE}; END",
                "postgresql": "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'the audit table is append-only'; END $$",
            },
            {
                "sqlite": _NO_DELETE,
                "postgresql": "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
            },
        ),
    ),
)
