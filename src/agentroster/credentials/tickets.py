"""Short-lived, single-use permissions: the ticket in a connect link, and the state of an OAuth flow.

Only their SHA-256 is stored; what is taken is deleted in the same statement, so it can be taken once.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, text

from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Owner
from agentroster.db.database import Database
from agentroster.errors import UnknownKeyId

LIFE_SECONDS = 600.0
_MOST_ATTEMPTS = 10
_MOST_PER_PERSON = 10


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
        self._database.call(_insert_ticket, digest(secret), owner, person, time.time())
        return secret

    def look(self, secret: str) -> Ticket | None:
        """Return what a ticket permits, or None when it was used, is too old, or never was."""
        return self._database.call(_look, digest(secret), time.time())

    def attempt(self, secret: str) -> Ticket | None:
        """Count a try to use the ticket; None as `look`, or after too many tries."""
        return self._database.call(_attempt, digest(secret), time.time())

    def take(self, secret: str) -> Ticket | None:
        """Use the ticket up: exactly one caller gets it."""
        return self._database.call(_take_ticket, digest(secret), time.time())

    def begin_flow(self, owner: Owner, browser: str, details: Mapping[str, str]) -> str:
        """Return the state of a new flow, bound to a browser (by the digest of its cookie)."""
        state = secrets.token_urlsafe(32)
        sealed = self._cipher.encrypt(owner, json.dumps(dict(details)).encode())
        self._database.call(_insert_flow, digest(state), owner, browser, sealed, time.time())
        return state

    def take_flow(self, state: str) -> Flow | None:
        """Use the state up, whatever comes next: exactly one caller gets it."""
        row = self._database.call(_take_flow, digest(state), time.time())
        if row is None:
            return None
        owner, browser, sealed = row
        try:
            details = cast("dict[str, str]", json.loads(self._cipher.decrypt(owner, sealed)))
        except UnknownKeyId:
            # The key went out of the ring within these ten minutes.
            return None
        return Flow(owner=owner, browser=browser, details=details)

    def purge(self, issuer: str, subject: str) -> None:
        """Make all open links and flows of a person useless."""
        self._database.call(_purge, {"issuer": issuer, "subject": subject})


def digest(secret: str) -> str:
    """Return the stored form of a random secret (256 bits need no slow hash)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _insert_ticket(connection: Connection, key: str, owner: Owner, person: str, now: float) -> None:
    for table in ("tickets", "oauth_states"):
        connection.execute(text(f"DELETE FROM {table} WHERE expires_at <= :now"), {"now": now})  # noqa: S608 - constants
    whose = {"issuer": owner.issuer, "subject": owner.subject}
    kept = text(
        "DELETE FROM tickets WHERE issuer = :issuer AND subject = :subject AND digest NOT IN (SELECT digest FROM "
        "tickets WHERE issuer = :issuer AND subject = :subject ORDER BY expires_at DESC LIMIT :most)"
    )
    connection.execute(kept, {**whose, "most": _MOST_PER_PERSON - 1})
    connection.execute(
        text(
            "INSERT INTO tickets (digest, issuer, subject, provider, person, attempts, expires_at) "
            "VALUES (:digest, :issuer, :subject, :provider, :person, 0, :expires_at)"
        ),
        {**whose, "digest": key, "provider": owner.provider, "person": person, "expires_at": now + LIFE_SECONDS},
    )


_TICKET = "issuer, subject, provider, person"
_LIVE = "digest = :digest AND expires_at > :now"
_LOOK = text(f"SELECT {_TICKET} FROM tickets WHERE {_LIVE}")  # noqa: S608 - constants
_ATTEMPT = text(
    f"UPDATE tickets SET attempts = attempts + 1 WHERE {_LIVE} AND attempts < :most RETURNING {_TICKET}"  # noqa: S608
)
_TAKE = text(f"DELETE FROM tickets WHERE {_LIVE} RETURNING {_TICKET}")  # noqa: S608
_TAKE_FLOW = text(f"DELETE FROM oauth_states WHERE {_LIVE} RETURNING issuer, subject, provider, browser, details")  # noqa: S608


def _look(connection: Connection, key: str, now: float) -> Ticket | None:
    return _ticket(connection.execute(_LOOK, {"digest": key, "now": now}).first())


def _attempt(connection: Connection, key: str, now: float) -> Ticket | None:
    return _ticket(connection.execute(_ATTEMPT, {"digest": key, "now": now, "most": _MOST_ATTEMPTS}).first())


def _take_ticket(connection: Connection, key: str, now: float) -> Ticket | None:
    return _ticket(connection.execute(_TAKE, {"digest": key, "now": now}).first())


def _ticket(row: object) -> Ticket | None:
    if row is None:
        return None
    issuer, subject, provider, person = cast("tuple[str, str, str, str]", row)
    return Ticket(owner=Owner(issuer=issuer, subject=subject, provider=provider), person=person)


def _insert_flow(connection: Connection, key: str, owner: Owner, browser: str, sealed: str, now: float) -> None:
    connection.execute(
        text(
            "INSERT INTO oauth_states (digest, issuer, subject, provider, browser, details, expires_at) "
            "VALUES (:digest, :issuer, :subject, :provider, :browser, :details, :expires_at)"
        ),
        {
            "digest": key,
            "issuer": owner.issuer,
            "subject": owner.subject,
            "provider": owner.provider,
            "browser": browser,
            "details": sealed,
            "expires_at": now + LIFE_SECONDS,
        },
    )


def _take_flow(connection: Connection, key: str, now: float) -> tuple[Owner, str, str] | None:
    row = connection.execute(_TAKE_FLOW, {"digest": key, "now": now}).first()
    if row is None:
        return None
    return Owner(issuer=row.issuer, subject=row.subject, provider=row.provider), row.browser, row.details


def _purge(connection: Connection, whose: Mapping[str, str]) -> None:
    for table in ("tickets", "oauth_states"):
        connection.execute(text(f"DELETE FROM {table} WHERE issuer = :issuer AND subject = :subject"), whose)  # noqa: S608
