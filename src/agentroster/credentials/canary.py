"""The check at every start: the ring of keys must fit what is stored."""

import secrets

from sqlalchemy import Connection, text

from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Owner
from agentroster.errors import CredentialUnreadable, StartRefused, UnknownKeyId

_CANARY = b"agentroster canary"


def read_salt(connection: Connection) -> bytes:
    """Return the 16 random bytes of this installation, made on first use."""
    fresh = secrets.token_hex(16)
    connection.execute(
        text("INSERT INTO installation VALUES ('salt', :value) ON CONFLICT (name) DO NOTHING"), {"value": fresh}
    )
    return bytes.fromhex(connection.execute(text("SELECT value FROM installation WHERE name = 'salt'")).scalar_one())


def check_ring(connection: Connection, cipher: Cipher) -> None:
    """Check that every key in use is there and opens what it locked. Raises StartRefused, naming key ids."""
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
    write_canary(connection, cipher)


def write_canary(connection: Connection, cipher: Cipher) -> None:
    """Lock a known text under the first key, unless that was done."""
    row = {"name": f"canary/{cipher.primary_id}", "value": cipher.encrypt(_owner(cipher.primary_id), _CANARY)}
    connection.execute(text("INSERT INTO installation VALUES (:name, :value) ON CONFLICT (name) DO NOTHING"), row)


def drop_old_canaries(connection: Connection, primary_id: str) -> None:
    """Forget the keys that nothing is locked with any more."""
    statement = text("DELETE FROM installation WHERE name LIKE 'canary/%' AND name <> :current")
    connection.execute(statement, {"current": f"canary/{primary_id}"})


def _owner(key_id: str) -> Owner:
    return Owner(issuer="roster", subject="", provider=f"canary/{key_id}")


def _is_canary(cipher: Cipher, key_id: str, stored: str) -> bool:
    try:
        return cipher.decrypt(_owner(key_id), stored) == _CANARY
    except (CredentialUnreadable, UnknownKeyId):
        return False
