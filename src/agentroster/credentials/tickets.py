"""Short-lived, single-use permissions: the ticket in a connect link, and the state of an OAuth flow.

Only their SHA-256 is stored; what is taken is deleted in the same statement, so it can be taken once.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from sqlalchemy import ColumnElement, Connection, Executable, Table, and_, delete, insert, select, update

from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Owner
from agentroster.credentials.schema import oauth_states, owner_in, tickets
from agentroster.db.database import Database
from agentroster.db.driver import SqlRow
from agentroster.errors import UnknownKeyId

LIFE_SECONDS = 600.0
_MAX_ATTEMPTS = 10
_MAX_PER_PERSON = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The right to connect one account for one person; `person` is how a page calls them."""

    owner: Owner
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An OAuth flow that waits for its callback, in the browser that began it."""

    owner: Owner
    browser: str
    details: Mapping[str, str]


class Tickets:
    """Tickets and flows in the database of the credentials."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def issue(self, owner: Owner, person: str) -> str:
        """Return a fresh ticket for ten minutes; a person's oldest ones give way."""
        secret = secrets.token_urlsafe(32)
        self._database.call(_issue, digest(secret), owner, person)
        return secret

    def look(self, secret: str) -> Ticket | None:
        """Return what a ticket permits, or None when it was used, is too old, or never was."""
        return self._ticket(select(tickets).where(*_live(tickets, secret)))

    def attempt(self, secret: str) -> Ticket | None:
        """Count a try to use the ticket; None as `look`, or after too many tries."""
        attempts = tickets.c.attempts
        tried = update(tickets).where(*_live(tickets, secret), attempts < _MAX_ATTEMPTS).values(attempts=attempts + 1)
        return self._ticket(tried.returning(tickets))

    def take(self, secret: str) -> Ticket | None:
        """Use the ticket up: exactly one caller gets it."""
        return self._ticket(delete(tickets).where(*_live(tickets, secret)).returning(tickets))

    def begin_flow(self, owner: Owner, browser: str, details: Mapping[str, str]) -> str:
        """Return the state of a new flow, bound to a browser (by the digest of its cookie)."""
        state = secrets.token_urlsafe(32)
        values = {"browser": browser, "details": self._cipher.encrypt(owner, json.dumps(dict(details)).encode())}
        self._database.call(_insert, oauth_states, digest(state), owner, values)
        return state

    def take_flow(self, state: str) -> Flow | None:
        """Use the state up, whatever comes next: exactly one caller gets it."""
        taken = delete(oauth_states).where(*_live(oauth_states, state)).returning(oauth_states)
        row = self._database.call(_first, taken)
        if row is None:
            return None
        owner = owner_in(row)
        try:
            details = cast("dict[str, str]", json.loads(self._cipher.decrypt(owner, row.details)))
        except UnknownKeyId:
            # The key went out of the ring within these ten minutes.
            return None
        return Flow(owner=owner, browser=row.browser, details=details)

    def purge(self, issuer: str, subject: str) -> None:
        """Make all open links and flows of a person useless."""
        self._database.call(_purge, issuer, subject)

    def _ticket(self, statement: Executable) -> Ticket | None:
        row = self._database.call(_first, statement)
        return None if row is None else Ticket(owner=owner_in(row), person=row.person)


def digest(secret: str) -> str:
    """Return the stored form of a random secret (256 bits need no slow hash)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _live(table: Table, secret: str) -> tuple[ColumnElement[bool], ...]:
    return table.c.digest == digest(secret), table.c.expires_at > time.time()


def _insert(connection: Connection, table: Table, key: str, owner: Owner, values: Mapping[str, object]) -> None:
    row = {"digest": key, **asdict(owner), **values, "expires_at": time.time() + LIFE_SECONDS}
    connection.execute(insert(table).values(row))


def _issue(connection: Connection, key: str, owner: Owner, person: str) -> None:
    for table in (tickets, oauth_states):
        connection.execute(delete(table).where(table.c.expires_at <= time.time()))
    theirs = and_(tickets.c.issuer == owner.issuer, tickets.c.subject == owner.subject)
    kept = select(tickets.c.digest).where(theirs).order_by(tickets.c.expires_at.desc()).limit(_MAX_PER_PERSON - 1)
    connection.execute(delete(tickets).where(theirs, tickets.c.digest.not_in(kept)))
    _insert(connection, tickets, key, owner, {"person": person, "attempts": 0})


def _first(connection: Connection, statement: Executable) -> SqlRow | None:
    return connection.execute(statement).first()


def _purge(connection: Connection, issuer: str, subject: str) -> None:
    for table in (tickets, oauth_states):
        connection.execute(delete(table).where(table.c.issuer == issuer, table.c.subject == subject))
