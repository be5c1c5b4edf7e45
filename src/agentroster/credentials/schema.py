"""The tables of `credentials.db`. Readable in the clear: whose, which provider, label, scopes, times, key id."""

from agentroster.db import Schema

CREDENTIALS_SCHEMA: Schema = (
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
)
