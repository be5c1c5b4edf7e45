"""The databases of the proxy: SQLite files in WAL mode, or the same tables on PostgreSQL; used from worker threads."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.pool import PoolProxiedConnection

from agentroster.db.engine import POSTGRES_PLACE, Schema, Statement, open_postgres, open_sqlite, wait_for_server
from agentroster.db.trouble import SENTENCES, Kind, for_operator, kind_of
from agentroster.errors import StorageFailed

__all__ = ["ROSTER_SCHEMA", "Database", "Schema", "Statement", "quickly", "wait_for_server"]

logger = logging.getLogger(__name__)
# A command says itself, in one line, what went wrong.
logger.addHandler(logging.NullHandler())

_TELL_AGAIN_SECONDS = 60.0
_READ_SECONDS = 10.0

P = ParamSpec("P")
T = TypeVar("T")

ROSTER_SCHEMA = Schema(
    "roster",
    (
        (
            """CREATE TABLE api_keys (
                id TEXT PRIMARY KEY,
                digest BLOB NOT NULL,
                "user" TEXT NOT NULL,
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
        (
            """CREATE TABLE jobs (
                id TEXT PRIMARY KEY,
                issuer TEXT NOT NULL,
                subject TEXT NOT NULL,
                claims TEXT NOT NULL,
                skill TEXT NOT NULL,
                arguments TEXT NOT NULL,
                state TEXT NOT NULL,
                total INTEGER NOT NULL,
                done INTEGER NOT NULL,
                changed INTEGER NOT NULL,
                failed INTEGER NOT NULL,
                error TEXT NOT NULL,
                created_at REAL NOT NULL,
                started_at REAL,
                ended_at REAL,
                worker TEXT NOT NULL,
                lease_until REAL NOT NULL
            )""",
            "CREATE INDEX jobs_by_person ON jobs (issuer, subject, created_at)",
            "CREATE INDEX jobs_by_state ON jobs (state, created_at)",
            """CREATE TABLE job_events (
                job TEXT NOT NULL,
                number INTEGER NOT NULL,
                kind TEXT NOT NULL,
                item TEXT NOT NULL,
                data TEXT NOT NULL,
                at REAL NOT NULL,
                PRIMARY KEY (job, number)
            ) WITHOUT ROWID""",
        ),
        (
            """CREATE TABLE key_audit (
                id INTEGER PRIMARY KEY,
                at REAL NOT NULL,
                action TEXT NOT NULL,
                key_id TEXT NOT NULL,
                "user" TEXT NOT NULL,
                address TEXT NOT NULL,
                outcome TEXT NOT NULL,
                times INTEGER NOT NULL
            )""",
            "CREATE INDEX key_audit_by_time ON key_audit (at)",
        ),
    ),
)
"""Keys, memories and jobs. Credentials have a file and a schema of their own."""


class Database:
    """Runs short synchronous functions against the database without blocking the event loop."""

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        """`path` is the file of a SQLite database."""
        self._engine = engine
        self._path = path
        self._file = _identity(path)
        # SQLite has one writer: a few threads are enough, and they never compete with tool threads.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="roster-db")
        # Who only reads never waits behind writers that wait for a lock.
        self._reading = ThreadPoolExecutor(max_workers=4, thread_name_prefix="roster-db-read")
        self._local = threading.local()
        self._readers: list[PoolProxiedConnection] = []
        self._told: dict[Kind, float] = {}

    @classmethod
    def open(cls, location: Path | str, schema: Schema = ROSTER_SCHEMA) -> "Database":
        """Open or create a SQLite file (0600), or open `postgresql://...`, and bring its schema up to date.

        Raises StartRefused when it cannot be used or was written by a newer version.
        """
        if isinstance(location, str):
            return cls(open_postgres(location, schema))
        return cls(open_sqlite(location, schema), location)

    def call(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in this thread. Raises StorageFailed."""
        try:
            with self._engine.begin() as connection:
                result = work(connection, *args, **kwargs)
        except Exception as error:
            self._raise_trouble(error)
            raise
        if "away" in self._told:
            del self._told["away"]
            logger.warning("%s answers again", self._place())
        return result

    def read_one(self, statement: str, values: Sequence[object]) -> tuple[Any, ...] | None:
        """Return the first row for a statement with `?` marks; sees everything that is committed by now.

        On SQLite each thread keeps a connection for this: without transaction, pool and result objects it costs a
        tenth, and every tool call does it. Raises StorageFailed.
        """
        if self._engine.dialect.name != "sqlite":
            return self.call(quickly, statement, [values])
        try:
            cursor = self._reader().cursor()
            try:
                cursor.execute(statement, values)
                return cursor.fetchone()
            finally:
                cursor.close()
        except Exception as error:
            self._raise_trouble(error)
            raise

    def ping(self) -> None:
        """Read something. Raises StorageFailed, also when the file is another one than was opened."""
        if self._path is None:
            self.read_one("SELECT 1", ())
            return
        self.read_one("SELECT COUNT(*) FROM sqlite_master", ())
        if _identity(self._path) != self._file:
            raise self._failed("missing")

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in a worker thread."""
        return await self.in_thread(self.call, work, *args, **kwargs)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that uses this database in a worker thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    async def in_reader(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that only reads, in a thread that no writer keeps busy.

        Raises StorageFailed also when the database hangs: nobody waits for ever to be let in.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await loop.run_in_executor(self._reading, lambda: work(*args, **kwargs))
        except TimeoutError as error:
            raise self._failed("slow") from error

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def checkpoint(self) -> None:
        """Empty the write-ahead log, so that nothing deleted or replaced stays in it."""
        if self._engine.dialect.name == "sqlite":
            self.call(lambda connection: connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).all())

    def close(self) -> None:
        """Wait for running work and close all connections."""
        self._threads.shutdown()
        self._reading.shutdown()
        for reader in self._readers:
            reader.close()
        self._engine.dispose()

    def _reader(self) -> Any:
        reader = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._engine.raw_connection()
            self._readers.append(reader)
        return reader

    def _raise_trouble(self, error: Exception) -> None:
        """Raise StorageFailed for an error that is the database's; return for any other."""
        kind = kind_of(error, self._path)
        if kind is None:
            return
        now = time.monotonic()
        if now - self._told.get(kind, -_TELL_AGAIN_SECONDS) >= _TELL_AGAIN_SECONDS:
            # Who tries again each second would fill the log.
            self._told[kind] = now
            logger.error("%s (%s)", for_operator(kind, self._place()), " ".join(str(error).split())[:300])
        raise self._failed(kind) from error

    def _failed(self, kind: Kind) -> StorageFailed:
        place = POSTGRES_PLACE if self._path is None else str(self._path)
        return StorageFailed(SENTENCES[kind].client, kind=kind, for_operator=for_operator(kind, place))

    def _place(self) -> str:
        return POSTGRES_PLACE if self._path is None else self._path.name


def quickly(connection: Connection, statement: str, rows: Sequence[Sequence[object]]) -> tuple[Any, ...] | None:
    """Run a statement with `?` marks once for each row of values, and return the first row of the last result.

    On the driver's own cursor, a third of the cost: for the few statements that every tool call runs.
    """
    driver: Any = connection.connection
    cursor = driver.cursor()
    try:
        text = statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")
        if len(rows) == 1:
            cursor.execute(text, rows[0])
        else:
            cursor.executemany(text, rows)
        return cursor.fetchone() if cursor.description else None
    finally:
        cursor.close()


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)
