"""The databases of the proxy: SQLite files in WAL mode, or the same tables on PostgreSQL; used from worker threads."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, func, select, table
from sqlalchemy.pool import PoolProxiedConnection

from agentroster.db.driver import AnySelect, SqlRow, first_row
from agentroster.db.engine import POSTGRES_NAME, open_postgres, open_sqlite, wait_for_server
from agentroster.db.schema import Schema
from agentroster.db.trouble import Kind, for_client, for_operator, kind_of
from agentroster.errors import StorageFailed

__all__ = ["Database", "wait_for_server"]

logger = logging.getLogger(__name__)
# A command says itself, in one line, what went wrong.
logger.addHandler(logging.NullHandler())

_TELL_AGAIN_SECONDS = 60.0
_READ_SECONDS = 10.0

P = ParamSpec("P")
T = TypeVar("T")

_ANSWERS = select(func.current_timestamp())
_READS_FILE = select(func.count()).select_from(table("sqlite_master"))


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
    def open(cls, location: Path | str, schema: Schema) -> "Database":
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
            logger.warning("%s answers again", self._name)
        return result

    def read_one(self, statement: AnySelect, values: Mapping[str, object]) -> SqlRow | None:
        """Return the first row for a statement with named values; sees everything that is committed by now.

        On SQLite each thread keeps a connection for this: without transaction, pool and result objects it costs a
        tenth, and every tool call does it. Raises StorageFailed.
        """
        dialect = self._engine.dialect
        if dialect.name != "sqlite":
            return self.call(lambda connection: first_row(connection.connection, dialect, statement, values))
        try:
            return first_row(self._reader(), dialect, statement, values)
        except Exception as error:
            self._raise_trouble(error)
            raise

    def ping(self) -> None:
        """Read something. Raises StorageFailed, also when the file is another one than was opened."""
        self.read_one(_ANSWERS if self._path is None else _READS_FILE, {})
        if self._path is not None and _identity(self._path) != self._file:
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
            self.call(lambda connection: connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all())

    def close(self) -> None:
        """Wait for running work and close all connections."""
        self._threads.shutdown()
        self._reading.shutdown()
        for reader in self._readers:
            reader.close()
        self._engine.dispose()

    def _reader(self) -> PoolProxiedConnection:
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
            logger.error("%s (%s)", for_operator(kind, self._name), " ".join(str(error).split())[:300])
        raise self._failed(kind) from error

    def _failed(self, kind: Kind) -> StorageFailed:
        name = POSTGRES_NAME if self._path is None else str(self._path)
        return StorageFailed(for_client(kind), kind=kind, for_operator=for_operator(kind, name))

    @property
    def _name(self) -> str:
        return POSTGRES_NAME if self._path is None else self._path.name


def _identity(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)
