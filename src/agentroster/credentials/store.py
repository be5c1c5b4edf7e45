"""Credentials of people, each encrypted for its owner.

The database is checked when it is opened: a canary per key id must decrypt, and every key id in use must be in the
ring. Nothing is ever dropped because it cannot be read.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from agentroster.credentials import canary, rows
from agentroster.credentials.audit import Act, AuditLog
from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Credential, Owner, Secret, State
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.schema import CREDENTIALS_SCHEMA
from agentroster.credentials.tickets import Tickets
from agentroster.db.database import Database
from agentroster.errors import StartRefused

P = ParamSpec("P")
T = TypeVar("T")

_OPERATOR_SET = Act(action="set", actor="operator")
_OPERATOR_DELETE = Act(action="delete", actor="operator")


@dataclass(frozen=True, slots=True)
class Stored:
    """A credential, its secret, and the stored form that shows whether somebody changed it meanwhile."""

    credential: Credential
    secret: Secret
    sealed: str


class CredentialStore:
    """The credentials in a database of their own. Methods block: `in_thread` runs them beside the event loop."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self.database = database
        self.cipher = cipher
        self.audit = AuditLog(database)
        self.tickets = Tickets(database, cipher)

    @classmethod
    def open(
        cls, location: Path | str, ring: KeyRing, reread: Callable[[], KeyRing | None] = lambda: None
    ) -> "CredentialStore":
        """Open a file or a PostgreSQL address and check that the ring fits it; `reread` as a `Cipher` asks it.

        Raises StartRefused, naming key ids and never keys, when a key is missing or wrong.
        """
        database = Database.open(location, CREDENTIALS_SCHEMA)
        try:
            cipher = Cipher(ring, database.call(canary.read_salt), reread)
            database.call(canary.check_ring, cipher)
        except StartRefused:
            database.close()
            raise
        return cls(database, cipher)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking method of this store in a worker thread."""
        return await self.database.in_thread(work, *args, **kwargs)

    async def in_reader(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method that only reads, beside writers that wait for a lock."""
        return await self.database.in_reader(work, *args, **kwargs)

    def put(self, credential: Credential, secret: Mapping[str, str], act: Act = _OPERATOR_SET) -> None:
        """Store a credential in place of an earlier one of the same owner; secret and details are encrypted as one."""
        self.database.call(rows.put, credential, self._sealed(credential.owner, secret), self.cipher.primary_id, act)

    def find(self, owner: Owner) -> Stored | None:
        """Return a credential with its secret, or None when there is none.

        Raises UnknownKeyId or CredentialUnreadable.
        """
        found = rows.get(self.database, owner)
        return None if found is None else Stored(found[0], self._opened(owner, found[1]), found[1])

    def get(self, owner: Owner) -> Secret | None:
        """Return the secret, or None when there is none. Raises UnknownKeyId or CredentialUnreadable."""
        found = self.find(owner)
        return None if found is None else found.secret

    def list(self, subject: str | None = None, issuer: str | None = None) -> list[Credential]:
        """Return what may be shown of all credentials, or of one user's."""
        return self.database.call(rows.listed, subject, issuer)

    def delete(self, owner: Owner, act: Act = _OPERATOR_DELETE) -> bool:
        """Delete a credential; return whether there was one."""
        return self.database.call(rows.drop, owner, act)

    def replace(self, old: Stored, credential: Credential, secret: Mapping[str, str], act: Act) -> bool:
        """Store a refreshed secret, unless somebody changed the credential meanwhile; return whether it was stored."""
        sealed = self._sealed(credential.owner, secret)
        return self.database.call(rows.swap, credential, old.sealed, sealed, self.cipher.primary_id, act)

    def mark(self, stored: Stored, state: State, act: Act) -> bool:
        """Set the state of a credential, unless somebody changed it meanwhile."""
        return self.database.call(rows.change, stored.credential.owner, stored.sealed, {"state": state}, act)

    def take_lease(self, stored: Stored, seconds: float) -> bool:
        """Reserve the refresh of a credential for some seconds; return whether nobody else holds it."""
        return self.database.call(rows.take_lease, stored.credential.owner, stored.sealed, seconds)

    def release_lease(self, stored: Stored) -> None:
        """Give a reserved refresh back, so that the next one need not wait."""
        self.database.call(rows.release_lease, stored.credential.owner, stored.sealed)

    def relink(self, owner: Owner, subject: str) -> bool:
        """Give a credential to another subject of the same issuer, encrypted anew for it.

        Returns False, changing nothing, when that subject has one of this provider already.
        """
        found = self.find(owner)
        if found is None:
            return False
        other = replace(found.credential, owner=replace(owner, subject=subject))
        sealed = self._sealed(other.owner, found.secret)
        return self.database.call(rows.relink, owner, other, sealed, self.cipher.primary_id)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _sealed(self, owner: Owner, secret: Mapping[str, str]) -> str:
        return self.cipher.encrypt(owner, json.dumps(dict(secret)).encode())

    def _opened(self, owner: Owner, sealed: str) -> Secret:
        return Secret(cast("dict[str, str]", json.loads(self.cipher.decrypt(owner, sealed))))
