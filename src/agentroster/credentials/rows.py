"""The SQL of the table `credentials`: one short function for each statement."""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, Row, text

from agentroster.credentials.audit import Act, record
from agentroster.credentials.credential import Credential, Owner, State
from agentroster.db.database import Database

AnyRow = Row[tuple[object, ...]]

_OWNED = "issuer = :issuer AND subject = :subject AND provider = :provider"
_SHOWN = "issuer, subject, provider, label, scopes, expires_at, created_at, updated_at, key_id, state"

_PUT = text(
    "INSERT INTO credentials "
    "(issuer, subject, provider, label, scopes, expires_at, created_at, updated_at, key_id, secret, state) "
    "VALUES (:issuer, :subject, :provider, :label, :scopes, :expires_at, :created_at, :now, :key_id, :secret, :state) "
    "ON CONFLICT (issuer, subject, provider) DO UPDATE SET label = excluded.label, scopes = excluded.scopes, "
    "expires_at = excluded.expires_at, updated_at = excluded.updated_at, key_id = excluded.key_id, "
    "secret = excluded.secret, state = excluded.state, lease_until = NULL"
)
_GET = (
    f"SELECT {_SHOWN}, secret FROM credentials "  # noqa: S608 - constants, no input
    "WHERE issuer = ? AND subject = ? AND provider = ?"
)
_EXISTS = text(f"SELECT 1 FROM credentials WHERE {_OWNED}")  # noqa: S608
_LIST = text(
    f"SELECT {_SHOWN} FROM credentials WHERE (CAST(:subject AS TEXT) IS NULL OR subject = :subject) "  # noqa: S608
    "AND (CAST(:issuer AS TEXT) IS NULL OR issuer = :issuer) ORDER BY subject, issuer, provider"
)
_DELETE = text(f"DELETE FROM credentials WHERE {_OWNED} RETURNING provider")  # noqa: S608
_SWAP = text(
    "UPDATE credentials SET secret = :new, key_id = :key_id, expires_at = :expires_at, scopes = :scopes, "  # noqa: S608
    f"state = 'ok', lease_until = NULL, updated_at = :now WHERE {_OWNED} AND secret = :old RETURNING provider"
)
_REKEY = text(
    f"UPDATE credentials SET secret = :new, key_id = :key_id WHERE {_OWNED} AND secret = :old RETURNING provider"  # noqa: S608
)
_STATE = text(f"UPDATE credentials SET state = :state WHERE {_OWNED} AND secret = :stored RETURNING provider")  # noqa: S608
_LEASE = text(
    f"UPDATE credentials SET lease_until = :until WHERE {_OWNED} AND secret = :stored "  # noqa: S608
    "AND (lease_until IS NULL OR lease_until < :now) RETURNING provider"
)
_RELEASE = text(f"UPDATE credentials SET lease_until = NULL WHERE {_OWNED} AND secret = :stored")  # noqa: S608


def put(connection: Connection, credential: Credential, stored: str, key_id: str, act: Act | None) -> None:
    """Insert or replace a credential; `created_at` is kept where one is given."""
    now = time.time()
    values = {
        **owner_values(credential.owner),
        "label": credential.label,
        "scopes": " ".join(credential.scopes),
        "expires_at": credential.expires_at,
        "created_at": credential.created_at or now,
        "now": now,
        "key_id": key_id,
        "secret": stored,
        "state": credential.state,
    }
    connection.execute(_PUT, values)
    if act is not None:
        record(connection, credential.owner, act)


def get(database: Database, owner: Owner) -> tuple[Credential, str] | None:
    """Return a credential and its stored form."""
    row = database.read_one(_GET, (owner.issuer, owner.subject, owner.provider))
    if row is None:
        return None
    *_, label, scopes, expires_at, created_at, updated_at, key_id, state, secret = row
    credential = Credential(
        owner=owner,
        label=label,
        scopes=tuple(scopes.split()),
        expires_at=expires_at,
        created_at=created_at,
        updated_at=updated_at,
        key_id=key_id,
        state=state,
    )
    return credential, secret


def listed(connection: Connection, subject: str | None, issuer: str | None = None) -> list[Credential]:
    """Return what may be shown of all credentials, or of one person's."""
    return [shown(row) for row in connection.execute(_LIST, {"subject": subject, "issuer": issuer})]


def delete(connection: Connection, owner: Owner, act: Act) -> bool:
    """Delete a credential; return whether there was one."""
    found = connection.execute(_DELETE, owner_values(owner)).first() is not None
    if found:
        record(connection, owner, act)
    return found


def relink(connection: Connection, owner: Owner, other: Credential, sealed: str, key_id: str) -> bool:
    """Move a credential to its new owner, unless that owner has one; return whether it was moved."""
    if connection.execute(_EXISTS, owner_values(other.owner)).first() is not None:
        return False
    act = Act(action="relink", actor="operator")
    put(connection, other, sealed, key_id, act)
    return delete(connection, owner, act)


def swap(connection: Connection, credential: Credential, old: str, new: str, key_id: str, act: Act) -> bool:
    """Replace a refreshed secret where nobody changed it meanwhile; return whether that was so."""
    values = {
        **owner_values(credential.owner),
        "old": old,
        "new": new,
        "key_id": key_id,
        "expires_at": credential.expires_at,
        "scopes": " ".join(credential.scopes),
        "now": time.time(),
    }
    changed = connection.execute(_SWAP, values).first() is not None
    if changed:
        record(connection, credential.owner, act)
    return changed


def rekey(connection: Connection, owner: Owner, old: str, new: str, key_id: str) -> bool:
    """Replace a re-encrypted secret where nothing changed meanwhile: a token refreshed by the running proxy wins."""
    values = {**owner_values(owner), "old": old, "new": new, "key_id": key_id}
    changed = connection.execute(_REKEY, values).first() is not None
    if changed:
        record(connection, owner, Act(action="rotate", actor="operator"))
    return changed


def set_state(connection: Connection, owner: Owner, stored: str, state: State, act: Act) -> bool:
    """Mark a credential, unless it was changed meanwhile."""
    values = {**owner_values(owner), "stored": stored, "state": state}
    changed = connection.execute(_STATE, values).first() is not None
    if changed:
        record(connection, owner, act)
    return changed


def take_lease(connection: Connection, owner: Owner, stored: str, seconds: float) -> bool:
    """Reserve the refresh of a credential; return whether nobody else has it."""
    now = time.time()
    values = {**owner_values(owner), "stored": stored, "now": now, "until": now + seconds}
    return connection.execute(_LEASE, values).first() is not None


def release_lease(connection: Connection, owner: Owner, stored: str) -> None:
    """Give a reservation back."""
    connection.execute(_RELEASE, {**owner_values(owner), "stored": stored})


def count_old(connection: Connection, key_id: str) -> int:
    """Return how many credentials are not under this key."""
    statement = text("SELECT COUNT(*) FROM credentials WHERE key_id <> :key_id")
    return connection.execute(statement, {"key_id": key_id}).scalar_one()


def old_rows(connection: Connection, key_id: str, after: tuple[str, str, str], most: int) -> list[AnyRow]:
    """Return the next credentials that are not under this key, in the order of their owners."""
    statement = text(
        "SELECT issuer, subject, provider, secret FROM credentials WHERE key_id <> :key_id "
        "AND (issuer, subject, provider) > (:issuer, :subject, :provider) "
        "ORDER BY issuer, subject, provider LIMIT :most"
    )
    issuer, subject, provider = after
    values = {"key_id": key_id, "issuer": issuer, "subject": subject, "provider": provider, "most": most}
    return list(connection.execute(statement, values).all())


def owner_values(owner: Owner) -> Mapping[str, str]:
    """Return the owner as values of a statement."""
    return {"issuer": owner.issuer, "subject": owner.subject, "provider": owner.provider}


def shown(row: AnyRow) -> Credential:
    """Read what may be shown of a credential."""
    return Credential(
        owner=Owner(issuer=row.issuer, subject=row.subject, provider=row.provider),
        label=row.label,
        scopes=tuple(row.scopes.split()),
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        key_id=row.key_id,
        state=row.state,
    )
