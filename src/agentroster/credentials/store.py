"""Credentials of people, each encrypted for its owner; rotation without downtime.

The file is checked when it is opened: a canary per key id must decrypt, and every key id in use must be in the ring.
Nothing is ever dropped because it cannot be read.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Row, text

from agentroster.credentials.cipher import Cipher, Owner
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.schema import CREDENTIALS_SCHEMA
from agentroster.db import Database
from agentroster.errors import CredentialUnreadable, StartRefused, UnknownKeyId

_CANARY = b"agentroster canary"
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What may be shown of a credential. Times are seconds since 1970 UTC."""

    owner: Owner
    label: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: re-encrypted, still under an old key, and unreadable rows."""

    moved: int
    left: int
    unreadable: int


class CredentialStore:
    """The credentials in a database of their own."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    @classmethod
    def open(cls, path: Path, ring: KeyRing) -> "CredentialStore":
        """Open the file and check that the ring fits it.

        Raises StartRefused, naming key ids and never keys, when a key is missing or wrong.
        """
        database = Database.open(path, CREDENTIALS_SCHEMA)
        try:
            cipher = Cipher(ring, database.call(_salt))
            database.call(_check_ring, cipher)
        except StartRefused:
            database.close()
            raise
        return cls(database, cipher)

    def put(self, credential: Credential, secret: dict[str, str]) -> None:
        """Store a credential in place of an earlier one of the same owner; secret and details are encrypted as one."""
        stored = self._cipher.encrypt(credential.owner, json.dumps(secret).encode())
        self._database.call(_put, credential, stored, self._cipher.primary_id, time.time())

    def get(self, owner: Owner) -> dict[str, str] | None:
        """Return the secret, or None when there is none. Raises UnknownKeyId or CredentialUnreadable."""
        stored = self._database.call(_get, owner)
        return None if stored is None else cast("dict[str, str]", json.loads(self._cipher.decrypt(owner, stored)))

    def list(self, subject: str | None = None) -> list[Credential]:
        """Return what may be shown of all credentials, or of one user's."""
        return self._database.call(_list, subject)

    def delete(self, owner: Owner) -> bool:
        """Delete a credential; return whether there was one."""
        return self._database.call(_delete, owner)

    def rotate(self, progress: Callable[[int, int], None]) -> Rotation:
        """Re-encrypt everything under the first key of the ring while the proxy runs.

        Resumable: finished rows carry the new key id. `progress(done, total)` is called after each batch. A row that
        somebody changes in between is left to that change and counted by its result.
        """
        total = self._database.call(_count_old, self._cipher.primary_id)
        moved, unreadable, after = 0, 0, ("", "", "")
        while rows := self._database.call(_old_rows, self._cipher.primary_id, after):
            for row in rows:
                after = (row.issuer, row.subject, row.provider)
                outcome = self._move(row)
                moved += outcome
                unreadable += not outcome
            progress(min(moved + unreadable, total), total)
        self._database.call(_write_canary, self._cipher)
        left = self._database.call(_count_old, self._cipher.primary_id)
        if not left:
            self._database.call(_drop_old_canaries, self._cipher.primary_id)
            # Old ciphertext stays in the write-ahead log until it is emptied.
            self._database.checkpoint()
        return Rotation(moved, left, unreadable)

    def _move(self, row: Row[tuple[object, ...]]) -> bool:
        owner = Owner(issuer=row.issuer, subject=row.subject, provider=row.provider)
        try:
            fresh = self._cipher.encrypt(owner, self._cipher.decrypt(owner, row.secret))
        except (CredentialUnreadable, UnknownKeyId):
            return False
        self._database.call(_replace, owner, row.secret, fresh, self._cipher.primary_id)
        return True

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _salt(connection: Connection) -> bytes:
    fresh = secrets.token_hex(16)
    connection.execute(text("INSERT OR IGNORE INTO installation VALUES ('salt', :value)"), {"value": fresh})
    return bytes.fromhex(connection.execute(text("SELECT value FROM installation WHERE name = 'salt'")).scalar_one())


def _canary_owner(key_id: str) -> Owner:
    return Owner(issuer="roster", subject="", provider=f"canary/{key_id}")


def _check_ring(connection: Connection, cipher: Cipher) -> None:
    used = connection.execute(text("SELECT key_id, COUNT(*) FROM credentials GROUP BY key_id")).all()
    missing = [f"{key_id} ({count} credentials)" for key_id, count in used if key_id not in cipher.key_ids]
    if missing:
        raise StartRefused(
            f"ROSTER_ENCRYPTION_KEY lacks the key {', '.join(missing)}: add it after the first key; nothing was changed"
        )
    canaries = connection.execute(text("SELECT name, value FROM installation WHERE name LIKE 'canary/%'")).all()
    for name, value in canaries:
        key_id = name.removeprefix("canary/")
        if key_id in cipher.key_ids and not _is_canary(cipher, key_id, value):
            raise StartRefused(f"The encryption key {key_id} does not open what it locked: restore credentials.db")
    _write_canary(connection, cipher)


def _is_canary(cipher: Cipher, key_id: str, stored: str) -> bool:
    try:
        return cipher.decrypt(_canary_owner(key_id), stored) == _CANARY
    except (CredentialUnreadable, UnknownKeyId):
        return False


def _write_canary(connection: Connection, cipher: Cipher) -> None:
    row = {"name": f"canary/{cipher.primary_id}", "value": cipher.encrypt(_canary_owner(cipher.primary_id), _CANARY)}
    connection.execute(text("INSERT OR IGNORE INTO installation VALUES (:name, :value)"), row)


def _drop_old_canaries(connection: Connection, primary_id: str) -> None:
    statement = text("DELETE FROM installation WHERE name LIKE 'canary/%' AND name <> :current")
    connection.execute(statement, {"current": f"canary/{primary_id}"})


_OWNED = "issuer = :issuer AND subject = :subject AND provider = :provider"


def _owner_row(owner: Owner) -> dict[str, str]:
    return {"issuer": owner.issuer, "subject": owner.subject, "provider": owner.provider}


def _put(connection: Connection, credential: Credential, stored: str, key_id: str, now: float) -> None:
    connection.execute(
        text(
            "INSERT INTO credentials VALUES (:issuer, :subject, :provider, :label, :scopes, :expires_at, :now, :now, "
            ":key_id, :secret) ON CONFLICT (issuer, subject, provider) DO UPDATE SET label = excluded.label, "
            "scopes = excluded.scopes, expires_at = excluded.expires_at, updated_at = excluded.updated_at, "
            "key_id = excluded.key_id, secret = excluded.secret"
        ),
        {
            **_owner_row(credential.owner),
            "label": credential.label,
            "scopes": " ".join(credential.scopes),
            "expires_at": credential.expires_at,
            "now": now,
            "key_id": key_id,
            "secret": stored,
        },
    )


def _get(connection: Connection, owner: Owner) -> str | None:
    statement = text(f"SELECT secret FROM credentials WHERE {_OWNED}")  # noqa: S608 - a constant, no input
    return connection.execute(statement, _owner_row(owner)).scalar_one_or_none()


def _list(connection: Connection, subject: str | None) -> list[Credential]:
    statement = text(
        "SELECT issuer, subject, provider, label, scopes, expires_at, created_at, updated_at, key_id FROM credentials "
        "WHERE :subject IS NULL OR subject = :subject ORDER BY subject, provider"
    )
    return [
        Credential(
            owner=Owner(issuer=row.issuer, subject=row.subject, provider=row.provider),
            label=row.label,
            scopes=tuple(row.scopes.split()),
            expires_at=row.expires_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
            key_id=row.key_id,
        )
        for row in connection.execute(statement, {"subject": subject})
    ]


def _delete(connection: Connection, owner: Owner) -> bool:
    statement = text(f"DELETE FROM credentials WHERE {_OWNED} RETURNING provider")  # noqa: S608 - a constant, no input
    return connection.execute(statement, _owner_row(owner)).first() is not None


def _count_old(connection: Connection, primary_id: str) -> int:
    statement = text("SELECT COUNT(*) FROM credentials WHERE key_id <> :key_id")
    return connection.execute(statement, {"key_id": primary_id}).scalar_one()


def _old_rows(connection: Connection, primary_id: str, after: tuple[str, str, str]) -> list[Row[tuple[object, ...]]]:
    statement = text(
        "SELECT issuer, subject, provider, secret FROM credentials WHERE key_id <> :key_id "
        "AND (issuer, subject, provider) > (:issuer, :subject, :provider) "
        "ORDER BY issuer, subject, provider LIMIT :batch"
    )
    issuer, subject, provider = after
    values = {"key_id": primary_id, "issuer": issuer, "subject": subject, "provider": provider, "batch": _BATCH}
    return list(connection.execute(statement, values).all())


def _replace(connection: Connection, owner: Owner, old: str, new: str, key_id: str) -> None:
    # Only where nothing changed meanwhile: a token refreshed by the running proxy wins.
    statement = text(f"UPDATE credentials SET secret = :new, key_id = :key_id WHERE {_OWNED} AND secret = :old")  # noqa: S608
    connection.execute(statement, {**_owner_row(owner), "old": old, "new": new, "key_id": key_id})
