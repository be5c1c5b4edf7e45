"""Rotates keys without downtime: re-encrypts everything under the first key of the ring."""

from collections.abc import Callable
from dataclasses import dataclass

from agentroster.credentials import canary, rows
from agentroster.credentials.credential import Owner
from agentroster.credentials.schema import owner_in
from agentroster.credentials.store import CredentialStore
from agentroster.errors import CredentialUnreadable, UnknownKeyId

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: re-encrypted, still under an old key, and unreadable rows."""

    moved: int
    left: int
    unreadable: int


def rotate(store: CredentialStore, progress: Callable[[int, int], None]) -> Rotation:
    """Re-encrypt what is not under the first key; `progress(done, total)` is called after each batch.

    Resumable: finished rows carry the new key id. A row that somebody changes in between is left to that change and
    counted by its result.
    """
    database, primary = store.database, store.cipher.primary_id
    total = database.call(rows.count_old, primary)
    moved, unreadable, after = 0, 0, ("", "", "")
    while batch := database.call(rows.old_rows, primary, after, _BATCH):
        for row in batch:
            after = (row.issuer, row.subject, row.provider)
            outcome = _move(store, owner_in(row), row.secret)
            moved += outcome
            unreadable += not outcome
        progress(min(moved + unreadable, total), total)
    database.call(canary.write_canary, store.cipher)
    left = database.call(rows.count_old, primary)
    if not left:
        database.call(canary.drop_old_canaries, primary)
        # Old ciphertext stays in the write-ahead log until it is emptied.
        database.checkpoint()
    return Rotation(moved, left, unreadable)


def _move(store: CredentialStore, owner: Owner, sealed: str) -> bool:
    try:
        fresh = store.cipher.encrypt(owner, store.cipher.decrypt(owner, sealed))
    except (CredentialUnreadable, UnknownKeyId):
        return False
    store.database.call(rows.rekey, owner, sealed, fresh, store.cipher.primary_id)
    return True
