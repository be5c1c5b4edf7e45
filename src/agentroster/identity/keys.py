"""Per-user API keys: shown once, stored as a digest, revocable at once."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, text

from agentroster.db import Database
from agentroster.errors import BadInput, NotFound

_FORM = re.compile(r"rst_([0-9a-z]{8})_[A-Za-z0-9_-]{43}")
_LAST_USED_STEP_SECONDS = 60.0
_LONGEST_USER = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One stored key, without its secret part. Times are seconds since 1970 UTC."""

    id: str
    user: str
    forwarder: bool
    models: tuple[str, ...]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None

    def state(self, now: float) -> str:
        """Return `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class KeyStore:
    """The keys in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, *, user: str, forwarder: bool = False, models: Sequence[str] = (), expires_at: float | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key for `user`; the text returned beside it is shown now and never again.

        Raises BadInput for an empty or overlong user name, or a model name with a comma or blank.
        """
        if not user.strip() or len(user) > _LONGEST_USER or not user.isprintable():
            raise BadInput(f"A user name has 1 to {_LONGEST_USER} printable characters.")
        if any(not name or re.search(r"[\s,]", name) for name in models):
            raise BadInput("A model name is not empty and has no comma or blank.")
        key_id = "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(8))
        secret = f"rst_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_id,
            user=user.strip(),
            forwarder=forwarder,
            models=tuple(models),
            created_at=time.time(),
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        self._database.call(_insert, key, _digest(secret))
        return key, secret

    def list(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        return self._database.call(_select_all)

    def revoke(self, key_id: str) -> None:
        """Make a key useless from the next request on. Raises NotFound when there is no such key."""
        if not self._database.call(_revoke, key_id):
            raise NotFound(f"There is no key {key_id!r}; `roster keys list` shows them all.")

    async def find(self, secret: str) -> ApiKey | None:
        """Return the active key with this text, noting its use, or None."""
        match = _FORM.fullmatch(secret)
        if match is None:
            return None
        return await self._database.run(_find, match[1], _digest(secret), time.time())

    async def active(self, key_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of these keys that may be used now."""
        return await self._database.run(_active, sorted(key_ids), time.time())


def _digest(secret: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


def _insert(connection: Connection, key: ApiKey, digest: bytes) -> None:
    connection.execute(
        text(
            'INSERT INTO api_keys (id, digest, "user", forwarder, models, created_at, expires_at) '
            "VALUES (:id, :digest, :user, :forwarder, :models, :created_at, :expires_at)"
        ),
        {
            "id": key.id,
            "digest": digest,
            "user": key.user,
            "forwarder": int(key.forwarder),
            "models": ",".join(key.models),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        },
    )


def _from_row(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        user=row.user,
        forwarder=bool(row.forwarder),
        models=tuple(name for name in row.models.split(",") if name),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _select_all(connection: Connection) -> list[ApiKey]:
    rows = connection.execute(text("SELECT * FROM api_keys ORDER BY created_at, id"))
    return [_from_row(row) for row in rows]


def _revoke(connection: Connection, key_id: str) -> bool:
    statement = text("UPDATE api_keys SET revoked_at = COALESCE(revoked_at, :now) WHERE id = :id RETURNING id")
    return connection.execute(statement, {"id": key_id, "now": time.time()}).first() is not None


def _find(connection: Connection, key_id: str, digest: bytes, now: float) -> ApiKey | None:
    row = connection.execute(text("SELECT * FROM api_keys WHERE id = :id"), {"id": key_id}).first()
    if row is None or not hmac.compare_digest(row.digest, digest):
        return None
    key = _from_row(row)
    if key.state(now) != "active":
        return None
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_STEP_SECONDS:
        statement = text("UPDATE api_keys SET last_used_at = :now WHERE id = :id")
        connection.execute(statement, {"id": key_id, "now": now})
    return key


def _active(connection: Connection, key_ids: Sequence[str], now: float) -> AbstractSet[str]:
    statement = text("SELECT * FROM api_keys WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
    keys = [_from_row(row) for row in connection.execute(statement, {"ids": key_ids})]
    return {key.id for key in keys if key.state(now) == "active"}
