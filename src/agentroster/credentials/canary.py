"""Checks at every start that the ring of keys fits what is stored."""

import secrets

from sqlalchemy import Connection, delete, func, select

from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Owner
from agentroster.credentials.schema import credentials, installation
from agentroster.db.schema import insert_into
from agentroster.errors import CredentialUnreadable, StartRefused, UnknownKeyId

_CANARY = b"agentroster canary"
_C = installation.c
_IS_CANARY = _C.name.startswith("canary/")


def read_salt(connection: Connection) -> bytes:
    """Return the 16 random bytes of this installation, made on first use."""
    _keep(connection, "salt", secrets.token_hex(16))
    return bytes.fromhex(connection.execute(select(_C.value).where(_C.name == "salt")).scalar_one())


def check_ring(connection: Connection, cipher: Cipher) -> None:
    """Check that every key in use is there and opens what it locked. Raises StartRefused, naming key ids."""
    counts = select(credentials.c.key_id, func.count().label("rows")).group_by(credentials.c.key_id)
    used = connection.execute(counts)
    missing = [f"{one.key_id} ({one.rows} credentials)" for one in used if one.key_id not in cipher.key_ids]
    if missing:
        raise StartRefused(
            f"ROSTER_ENCRYPTION_KEY lacks the key {', '.join(missing)}: add it after the first key; nothing was changed"
        )
    for row in connection.execute(select(_C.name, _C.value).where(_IS_CANARY)).all():
        key_id = row.name.removeprefix("canary/")
        if key_id in cipher.key_ids and not _opens(cipher, key_id, row.value):
            raise StartRefused(f"The encryption key {key_id} does not open what it locked: restore credentials.db")
    write_canary(connection, cipher)


def write_canary(connection: Connection, cipher: Cipher) -> None:
    """Lock a known text under the first key, unless that was done."""
    _keep(connection, f"canary/{cipher.primary_id}", cipher.encrypt(_owner(cipher.primary_id), _CANARY))


def drop_old_canaries(connection: Connection, primary_id: str) -> None:
    """Forget the keys that nothing is locked with any more."""
    connection.execute(delete(installation).where(_IS_CANARY, _C.name != f"canary/{primary_id}"))


def _keep(connection: Connection, name: str, value: str) -> None:
    """Store a value unless there is one of that name."""
    connection.execute(insert_into(connection, installation).values(name=name, value=value).on_conflict_do_nothing())


def _owner(key_id: str) -> Owner:
    return Owner(issuer="roster", subject="", provider=f"canary/{key_id}")


def _opens(cipher: Cipher, key_id: str, stored: str) -> bool:
    try:
        return cipher.decrypt(_owner(key_id), stored) == _CANARY
    except (CredentialUnreadable, UnknownKeyId):
        return False
