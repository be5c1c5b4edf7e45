"""What is wrong with a database: from the driver's error to a kind, and from the kind to sentences.

SQLite: https://www.sqlite.org/rescode.html. PostgreSQL: appendix A of its manual; libpq has no code for a refused
connection, only a text.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from agentroster.messages import say
from agentroster.operating_system.folders import has_no_room

Kind: TypeAlias = Literal[
    "full", "locked", "read_only", "damaged", "unopenable", "io", "missing", "away", "login", "busy", "slow", "other"
]


_FOR_CLIENTS: Mapping[Kind, Callable[[], str]] = {
    "full": lambda: say("db.full"),
    "locked": lambda: say("db.locked"),
    "read_only": lambda: say("db.read_only"),
    "damaged": lambda: say("db.damaged"),
    "unopenable": lambda: say("db.unopenable"),
    "io": lambda: say("db.io"),
    "missing": lambda: say("db.missing"),
    "away": lambda: say("db.away"),
    "login": lambda: say("db.login"),
    "busy": lambda: say("db.busy"),
    "slow": lambda: say("db.slow"),
    "other": lambda: say("db.other"),
}
_FOR_OPERATORS: Mapping[Kind, str] = {
    "full": "the disk is full: make room, then try again",
    "locked": "it is locked by another process: stop what works on it (a backup, a database browser, a second proxy), "
    "then try again",
    "read_only": "it is read-only: check owner and mode of the file and its folder, and how the disk is mounted",
    "damaged": "it is damaged: restore it from a backup",
    "unopenable": "it cannot be opened: check that the folder exists and that owner and mode permit it",
    "io": "reading or writing the disk failed: check the disk, its quota, and the system's log",
    "missing": "it or its tables are missing: it was emptied, replaced or never made; restore it from a backup, "
    "or restart",
    "away": "it does not answer: is it up, and the address right?",
    "login": "it refuses the login: check user, password and permissions",
    "busy": "it has no connection left: permit more, or run fewer proxies",
    "slow": "it took too long: look what keeps it busy",
    "other": "it failed: see its own log",
}
"""What the operator reads, behind `... cannot be used:`."""

_SQLITE: Mapping[int, Kind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_CANTOPEN: "unopenable",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_NOMEM: "other",
}
# By the longest beginning that fits.
_POSTGRES: Mapping[str, Kind] = {
    "08": "away", "57P": "away", "53100": "full", "53300": "busy", "53": "other", "25006": "read_only",
    "57014": "slow", "55P03": "locked", "40": "locked", "28": "login", "42501": "login", "3D000": "missing",
    "42P01": "missing", "3F000": "missing", "XX001": "damaged", "XX002": "damaged", "58": "io",
}  # fmt: skip
_POSTGRES_TEXTS: Mapping[str, Kind] = {
    "authentication failed": "login", "no password supplied": "login", "pg_hba.conf": "login", "role ": "login",
    "too many clients": "busy", "connection slots": "busy", "database ": "missing", "No space left": "full",
}  # fmt: skip
_MAX_SQLITE_PATH = 500
_UNSURE: frozenset[Kind] = frozenset({"io", "unopenable", "damaged"})


def kind_of(error: BaseException, path: Path | None = None) -> Kind | None:
    """Return what is wrong with the database, or None when it is the statement or the program that is wrong.

    `path` is the file of a SQLite database: a full disk shows in several ways.
    """
    if isinstance(error, PoolTimeout):
        return "busy"
    if isinstance(error, PendingRollbackError):
        return "away"
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        kind = _sqlite_kind(cause)
        return "full" if kind in _UNSURE - {"damaged"} and path is not None and has_no_room(path.parent) else kind
    if type(cause).__module__.partition(".")[0] == "psycopg":
        return _postgres_kind(cause)
    return None


def for_client(kind: Kind) -> str:
    """Return the sentence for clients, which names no file and no server."""
    return _FOR_CLIENTS[kind]()


def for_operator(kind: Kind, name: str) -> str:
    """Return the sentence for the log and the command line; `name` is the database's path, or what it is called."""
    if kind == "unopenable" and len(os.fsencode(name)) > _MAX_SQLITE_PATH:
        return f"{name} cannot be used: SQLite takes paths of at most 512 bytes; choose a shorter --data-dir"
    return f"{name} cannot be used: {_FOR_OPERATORS[kind]}"


def _sqlite_kind(error: sqlite3.Error) -> Kind | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code & 0xFF == sqlite3.SQLITE_ERROR and "no such table" in str(error):
        return "missing"
    return _SQLITE.get(code & 0xFF)


def _postgres_kind(error: BaseException | None) -> Kind | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state:
        return next((_POSTGRES[state[:length]] for length in (5, 3, 2) if state[:length] in _POSTGRES), None)
    if type(error).__name__ not in {"OperationalError", "InterfaceError", "ConnectionTimeout"}:
        return None
    # The server's own words come after FATAL; a host name in front of them could look like any of these.
    said = str(error).partition("FATAL:")[2]
    for words, kind in _POSTGRES_TEXTS.items():
        if words in said:
            return kind
    return "away"
