"""The SQLite database of the proxy: one file, opened in WAL mode, used from worker threads."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError

from agentroster.errors import StartRefused

P = ParamSpec("P")
T = TypeVar("T")

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000", "secure_delete=ON")

Schema: TypeAlias = Sequence[Sequence[str]]
"""The statements of each version, oldest first; an entry that has been released never changes."""

# Keys and memories. Credentials have a file and a schema of their own.
ROSTER_SCHEMA: Schema = (
    (
        """CREATE TABLE api_keys (
            id TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            user TEXT NOT NULL,
            forwarder INTEGER NOT NULL,
            models TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL,
            last_used_at REAL,
            revoked_at REAL
        )""",
        """CREATE TABLE memories (
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            skill TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (issuer, subject, skill, name)
        ) WITHOUT ROWID""",
    ),
)


class Database:
    """Runs short synchronous functions against the database without blocking the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite has one writer: a few threads are enough, and they never compete with tool threads.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="roster-db")

    @classmethod
    def open(cls, path: Path, schema: Schema = ROSTER_SCHEMA) -> "Database":
        """Open or create the file (0600) and bring its schema up to date.

        Raises StartRefused when the file cannot be used or was written by a newer version.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite gives -wal and -shm the mode of the main file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StartRefused(f"{path} cannot be opened: {error.strerror}; choose another --data-dir") from error
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        event.listen(engine, "connect", _configure)
        try:
            with engine.begin() as connection:
                _migrate(connection, path, schema)
        except DatabaseError as error:
            raise StartRefused(f"{path} is not a usable SQLite database: restore it from a backup") from error
        return cls(engine)

    def call(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in this thread."""
        with self._engine.begin() as connection:
            return work(connection, *args, **kwargs)

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in a worker thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self.call(work, *args, **kwargs))

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def checkpoint(self) -> None:
        """Empty the write-ahead log, so that nothing deleted or replaced stays in it."""
        with self._engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def close(self) -> None:
        """Wait for running work and close all connections."""
        self._threads.shutdown()
        self._engine.dispose()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _migrate(connection: Connection, path: Path, schema: Schema) -> None:
    version = connection.execute(text("PRAGMA user_version")).scalar_one()
    if version > len(schema):
        raise StartRefused(f"{path} was written by a newer agentroster (schema {version}): install that version")
    for number, statements in enumerate(schema[version:], start=version + 1):
        for statement in statements:
            connection.execute(text(statement))
        connection.execute(text(f"PRAGMA user_version = {number}"))
