"""Ends what must not come back to life with an old database: unfinished jobs, links that were used since."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, delete, update

from agentroster.credentials.ring import KeyRing
from agentroster.credentials.schema import CREDENTIALS_SCHEMA, credentials, oauth_states, tickets
from agentroster.credentials.store import CredentialStore
from agentroster.db.database import Database
from agentroster.jobs.store import JobStore
from agentroster.roster_schema import ROSTER_SCHEMA

_RESTORED = "It had not ended when the backup was made that was restored since: start it again if it is still wanted."


def settle(folder: Path, ring: KeyRing | None) -> int:
    """Bring both databases up to date and end what was under way in them; return how many jobs that were.

    Raises StartRefused when one cannot be used, or the ring does not fit.
    """
    with Database.open(folder / "roster.db", ROSTER_SCHEMA) as database:
        ended = JobStore(database).fail_unfinished(_RESTORED)
        database.checkpoint()
    with Database.open(folder / "credentials.db", CREDENTIALS_SCHEMA) as database:
        database.call(_forget_links)
        database.checkpoint()
    if ring is not None:
        # The check of every start, before anything is replaced.
        store = CredentialStore.open(folder / "credentials.db", ring)
        store.database.checkpoint()
        store.close()
    return ended


def revoked_since(data_dir: Path, restored: Path) -> tuple[str, ...]:
    """Return the ids of keys that are revoked or deleted in the folder and active in what is restored."""
    now, then = _active_keys(data_dir / "roster.db"), _active_keys(restored / "roster.db")
    return () if now is None or then is None else tuple(sorted(then - now))


def _active_keys(path: Path) -> set[str] | None:
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            return {row[0] for row in connection.execute("SELECT id FROM api_keys WHERE revoked_at IS NULL")}
    except sqlite3.Error:
        return None  # it may be the damage that a backup is restored for


def _forget_links(connection: Connection) -> None:
    for table in (tickets, oauth_states):
        connection.execute(delete(table))
    connection.execute(update(credentials).values(lease_until=None))
