"""The statements on the table `credentials`: one short function for each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_, update

from agentroster.credentials.audit import Act, record
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.schema import credentials, owner_in
from agentroster.db.database import Database
from agentroster.db.driver import SqlRow
from agentroster.db.schema import insert_into

_C = credentials.c
# Names of no column: an UPDATE sets each column that a value is given for.
_OWNED = (
    _C.issuer == bindparam("of_issuer"),
    _C.subject == bindparam("of_subject"),
    _C.provider == bindparam("of_provider"),
)
_UNCHANGED = (*_OWNED, _C.secret == bindparam("stored"))
_SHOWN = [column for column in _C if column.name != "secret"]

_GET = select(credentials).where(*_OWNED)
_DELETE = delete(credentials).where(*_OWNED).returning(_C.provider)
_CHANGE = update(credentials).where(*_UNCHANGED).returning(_C.provider)
_LEASE = _CHANGE.where(_C.lease_until.is_(None) | (_C.lease_until < bindparam("now")))


def put(connection: Connection, credential: Credential, stored: str, key_id: str, act: Act | None) -> None:
    """Insert or replace a credential; `created_at` is kept where one is given."""
    now, owner = time.time(), credential.owner
    changing = {
        "label": credential.label, "scopes": " ".join(credential.scopes), "expires_at": credential.expires_at,
        "updated_at": now, "key_id": key_id, "secret": stored, "state": credential.state, "lease_until": None,
    }  # fmt: skip
    key = asdict(owner)
    row = insert_into(connection, credentials).values(**key, **changing, created_at=credential.created_at or now)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=changing))
    if act is not None:
        record(connection, owner, act)


def get(database: Database, owner: Owner) -> tuple[Credential, str] | None:
    """Return a credential and its stored form."""
    row = database.read_one(_GET, _of(owner))
    return None if row is None else (shown(row), row.secret)


def listed(connection: Connection, subject: str | None, issuer: str | None = None) -> list[Credential]:
    """Return what may be shown of all credentials, or of one person's."""
    wanted = select(*_SHOWN).order_by(_C.subject, _C.issuer, _C.provider)
    if subject is not None:
        wanted = wanted.where(_C.subject == subject)
    if issuer is not None:
        wanted = wanted.where(_C.issuer == issuer)
    return [shown(row) for row in connection.execute(wanted)]


def drop(connection: Connection, owner: Owner, act: Act) -> bool:
    """Delete a credential; return whether there was one."""
    found = connection.execute(_DELETE, _of(owner)).first() is not None
    if found:
        record(connection, owner, act)
    return found


def relink(connection: Connection, owner: Owner, other: Credential, sealed: str, key_id: str) -> bool:
    """Move a credential to its new owner, unless that owner has one; return whether it was moved."""
    if connection.execute(_GET, _of(other.owner)).first() is not None:
        return False
    act = Act(action="relink", actor="operator")
    put(connection, other, sealed, key_id, act)
    return drop(connection, owner, act)


def swap(connection: Connection, credential: Credential, old: str, new: str, key_id: str, act: Act) -> bool:
    """Replace a refreshed secret where nobody changed it meanwhile; return whether that was so."""
    values = {
        "secret": new, "key_id": key_id, "expires_at": credential.expires_at, "scopes": " ".join(credential.scopes),
        "state": "ok", "lease_until": None, "updated_at": time.time(),
    }  # fmt: skip
    return change(connection, credential.owner, old, values, act)


def rekey(connection: Connection, owner: Owner, old: str, new: str, key_id: str) -> bool:
    """Replace a re-encrypted secret where nothing changed meanwhile: a token refreshed by the running proxy wins."""
    act = Act(action="rotate", actor="operator")
    return change(connection, owner, old, {"secret": new, "key_id": key_id}, act)


def change(connection: Connection, owner: Owner, stored: str, values: Mapping[str, object], act: Act) -> bool:
    """Set columns of a credential, unless it was changed meanwhile; return whether they were set."""
    changed = connection.execute(_CHANGE, {**_of(owner), "stored": stored, **values}).first() is not None
    if changed:
        record(connection, owner, act)
    return changed


def take_lease(connection: Connection, owner: Owner, stored: str, seconds: float) -> bool:
    """Reserve the refresh of a credential; return whether nobody else has it."""
    now = time.time()
    values = {**_of(owner), "stored": stored, "now": now, "lease_until": now + seconds}
    return connection.execute(_LEASE, values).first() is not None


def release_lease(connection: Connection, owner: Owner, stored: str) -> None:
    """Give a reservation back."""
    connection.execute(_CHANGE, {**_of(owner), "stored": stored, "lease_until": None})


def count_old(connection: Connection, key_id: str) -> int:
    """Return how many credentials are not under this key."""
    return connection.execute(select(func.count()).where(_C.key_id != key_id)).scalar_one()


def old_rows(connection: Connection, key_id: str, after: tuple[str, str, str], most: int) -> Sequence[SqlRow]:
    """Return the next credentials that are not under this key, in the order of their owners."""
    owner = (_C.issuer, _C.subject, _C.provider)
    rows = select(*owner, _C.secret).where(_C.key_id != key_id, tuple_(*owner) > tuple_(*after))
    return connection.execute(rows.order_by(*owner).limit(most)).all()


def shown(row: SqlRow) -> Credential:
    """Read what may be shown of a credential."""
    return Credential(
        owner=owner_in(row),
        label=row.label,
        scopes=tuple(row.scopes.split()),
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        key_id=row.key_id,
        state=row.state,
    )


def _of(owner: Owner) -> dict[str, str]:
    return {"of_issuer": owner.issuer, "of_subject": owner.subject, "of_provider": owner.provider}
