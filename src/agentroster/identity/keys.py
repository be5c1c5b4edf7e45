"""Per-user API keys: shown once, stored as a digest, revocable at once."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, update

from agentroster.db.database import Database
from agentroster.db.driver import SqlRow, write_rows
from agentroster.db.schema import SECONDS
from agentroster.db.write_behind import WriteBehind
from agentroster.errors import BadInput, NotFound
from agentroster.identity.key_audit import KeyEvent, record
from agentroster.identity.reserved import is_reserved
from agentroster.identity.schema import api_keys
from agentroster.messages import say

_FORM = re.compile(r"rst_([0-9a-z]{8})_[A-Za-z0-9_-]{43}")
_LAST_USED_STEP_SECONDS = 60.0
_MAX_USER = 128
_LITELLM_WORDS = frozenset({"all-proxy-models", "all-team-models", "no-default-models"})
_C = api_keys.c
_FIND = select(api_keys).where(_C.id == bindparam("id"))
_NOTE_USE = update(api_keys).where(
    _C.id == bindparam("of_id"), func.coalesce(_C.last_used_at, 0.0) < bindparam("before", type_=SECONDS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One stored key, without its secret part. Times are seconds since 1970 UTC."""

    id: str
    user: str
    forwarder: bool
    models: tuple[str, ...]
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None

    def state(self, now: float) -> str:
        """Return `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class KeyStore:
    """The keys in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, float] = {}
        self._uses = WriteBehind("uses of keys", self._write_uses)

    def create(
        self, *, user: str, forwarder: bool = False, models: Sequence[str] = (), expires_at: float | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key for `user`; the text returned beside it is shown now and never again.

        Raises BadInput for an empty or overlong user name, one that is or looks like the operator's, or a model name
        with a comma or blank, or that LiteLLM reads as something else.
        """
        if not user.strip() or len(user) > _MAX_USER or not user.isprintable():
            raise BadInput(say("identity.user_name_malformed", max_length=_MAX_USER))
        if is_reserved(user):
            raise BadInput(say("identity.user_name_reserved", name=user.strip()))
        if words := _LITELLM_WORDS.intersection(models):
            raise BadInput(say("identity.litellm_word", word=min(words)))
        if any(not name or re.search(r"[\s,]", name) for name in models):
            raise BadInput(say("identity.model_name_malformed"))
        key_id = "".join(secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(8))
        secret = f"rst_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_id, user=user.strip(), forwarder=forwarder, models=tuple(models),
            created_at=time.time(), expires_at=expires_at,
        )  # fmt: skip
        self._database.call(_insert, key, _digest(secret))
        return key, secret

    def list(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        return self._database.call(_select_all)

    def revoke(self, key_id: str) -> None:
        """Make a key useless from the next request on. Raises NotFound when there is no such key."""
        if not self._database.call(_revoke, key_id):
            raise NotFound(say("identity.no_such_key", key_id=key_id))

    async def find(self, secret: str) -> ApiKey | None:
        """Return the active key with this text, or None. Its use is noted later: this only reads.

        Raises StorageFailed.
        """
        match = _FORM.fullmatch(secret)
        if match is None:
            return None
        row = await self._database.in_reader(self._database.read_one, _FIND, {"id": match[1]})
        if row is None or not hmac.compare_digest(bytes(row.digest), _digest(secret)):
            return None
        key, now = _from_row(row), time.time()
        if key.state(now) != "active":
            return None
        last = max(key.last_used_at or 0.0, self._noted.get(key.id, 0.0))
        if now - last > _LAST_USED_STEP_SECONDS:
            self._noted[key.id] = now
            self._uses.add((key.id, now))
        return key

    async def active(self, key_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of these keys that may be used now."""
        return await self._database.in_reader(self._database.call, _active, sorted(key_ids), time.time())

    async def aclose(self) -> None:
        """Write which keys were used."""
        await self._uses.aclose()

    async def _write_uses(self, uses: Sequence[tuple[str, float]]) -> None:
        await self._database.run(_note_uses, dict(uses))


def public_part(secret: str) -> str:
    """Return the id in the text of a key, which is no secret; an empty text where it is no key of ours."""
    match = _FORM.fullmatch(secret)
    return match[1] if match else ""


def _digest(secret: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


def purge_keys(connection: Connection, issuer: str, user: str) -> int:
    """Delete the keys of a person; return how many. A user of Open WebUI has none, and a forwarder is no person."""
    own = delete(api_keys).where(_C.user == user, _C.forwarder == 0, literal(issuer) == "roster").returning(_C.id)
    events = [KeyEvent(action="purge", key_id=row.id, user=user) for row in connection.execute(own)]
    record(connection, events)
    return len(events)


def _insert(connection: Connection, key: ApiKey, digest: bytes) -> None:
    row = insert(api_keys).values(
        id=key.id, digest=digest, user=key.user, forwarder=int(key.forwarder), models=",".join(key.models),
        created_at=key.created_at, expires_at=key.expires_at,
    )  # fmt: skip
    connection.execute(row)
    record(connection, [KeyEvent(action="create", at=key.created_at, key_id=key.id, user=key.user)])


def _from_row(row: SqlRow) -> ApiKey:
    return ApiKey(
        id=row.id, user=row.user, forwarder=bool(row.forwarder), models=tuple(filter(None, row.models.split(","))),
        created_at=row.created_at, expires_at=row.expires_at, last_used_at=row.last_used_at, revoked_at=row.revoked_at,
    )  # fmt: skip


def _select_all(connection: Connection) -> list[ApiKey]:
    return [_from_row(row) for row in connection.execute(select(api_keys).order_by(_C.created_at, _C.id))]


def _revoke(connection: Connection, key_id: str) -> bool:
    now, is_this = time.time(), _C.id == key_id
    revoked = update(api_keys).where(is_this, _C.revoked_at.is_(None)).values(revoked_at=now).returning(_C.user)
    row = connection.execute(revoked).first()
    if row is not None:
        record(connection, [KeyEvent(action="revoke", at=now, key_id=key_id, user=row.user)])
        return True
    return connection.execute(select(_C.id).where(is_this)).first() is not None


def _note_uses(connection: Connection, used_at: Mapping[str, float]) -> None:
    # In one order everywhere, so that two processes cannot wait for each other.
    rows = [{"of_id": key_id, "last_used_at": at, "before": at} for key_id, at in sorted(used_at.items())]
    write_rows(connection, _NOTE_USE, rows)


def _active(connection: Connection, key_ids: Sequence[str], now: float) -> AbstractSet[str]:
    keys = map(_from_row, connection.execute(select(api_keys).where(_C.id.in_(key_ids))))
    return {key.id for key in keys if key.state(now) == "active"}
