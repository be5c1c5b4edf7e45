"""The databases of the proxy: SQLite files in WAL mode, or the same tables on PostgreSQL; used from worker threads."""

import asyncio
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from agentroster.errors import StartRefused

P = ParamSpec("P")
T = TypeVar("T")

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000", "secure_delete=ON")
_POSTGRES_PORT = 5432
_POSTGRES_TYPES = {
    " WITHOUT ROWID": "",
    " BLOB": " BYTEA",
    " REAL": " DOUBLE PRECISION",
    " INTEGER PRIMARY KEY": " BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
}

Statement: TypeAlias = str | Mapping[str, str]
"""SQL in SQLite's words, which are translated for PostgreSQL; or one text for each dialect."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The statements of each version, oldest first; an entry that has been released never changes its meaning."""

    name: str
    versions: Sequence[Sequence[Statement]]


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

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # SQLite has one writer: a few threads are enough, and they never compete with tool threads.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="roster-db")
        self._local = threading.local()
        self._readers: list[PoolProxiedConnection] = []

    @classmethod
    def open(cls, location: Path | str, schema: Schema = ROSTER_SCHEMA) -> "Database":
        """Open or create a SQLite file (0600), or open `postgresql://...`, and bring its schema up to date.

        Raises StartRefused when it cannot be used or was written by a newer version.
        """
        if isinstance(location, str):
            return cls(_postgres(location, schema))
        return cls(_sqlite(location, schema))

    def call(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in this thread."""
        with self._engine.begin() as connection:
            return work(connection, *args, **kwargs)

    def read_one(self, statement: str, values: Sequence[object]) -> tuple[Any, ...] | None:
        """Return the first row for a statement with `?` marks; sees everything that is committed by now.

        On SQLite each thread keeps a connection for this: without transaction, pool and result objects it costs a
        tenth, and every tool call does it.
        """
        if self._engine.dialect.name != "sqlite":
            return self.call(quickly, statement, [values])
        reader: Any = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._engine.raw_connection()
            self._readers.append(reader)
        cursor = reader.cursor()
        try:
            cursor.execute(statement, values)
            return cursor.fetchone()
        finally:
            cursor.close()

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in one transaction, in a worker thread."""
        return await self.in_thread(self.call, work, *args, **kwargs)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that uses this database in a worker thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def checkpoint(self) -> None:
        """Empty the write-ahead log, so that nothing deleted or replaced stays in it."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def close(self) -> None:
        """Wait for running work and close all connections."""
        self._threads.shutdown()
        for reader in self._readers:
            reader.close()
        self._engine.dispose()


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


def wait_for_server(url: str, seconds: float, say: Callable[[str], None]) -> None:
    """Return once something listens at the address of a PostgreSQL database, or after that time.

    Proxies and databases start together, in any order. What else may be wrong with the address is for `open` to say.
    """
    place = _server(url)
    deadline, told = time.monotonic() + seconds, False
    while place is not None:
        try:
            socket.create_connection(place, timeout=5).close()
        except UnicodeError:
            return  # no name that a server could have
        except OSError:
            if time.monotonic() >= deadline:
                return
            if not told:
                say(f"waiting for the database at {place[0]}:{place[1]}")
            told = True
            time.sleep(0.5)
        else:
            return


def _server(url: str) -> tuple[str, int] | None:
    """Return host and port, or None where the address has not exactly one of each."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if not address.drivername.startswith("postgres") or not address.host or "," in address.host:
        return None
    return address.host, address.port or _POSTGRES_PORT


def _sqlite(path: Path, schema: Schema) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives -wal and -shm the mode of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StartRefused(f"{path} cannot be opened: {error.strerror}; choose another --data-dir") from error
    # Last in, first out: another connection's write empties a connection's cache, so the same one is used again.
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, pool_use_lifo=True)
    event.listen(engine, "connect", _configure)

    def migrate(connection: Connection) -> None:
        # The driver opens no transaction for CREATE TABLE: half a migration would stay behind.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        version: int = connection.execute(text("PRAGMA user_version")).scalar_one()
        _migrate(connection, schema, version, str(path))
        connection.execute(text(f"PRAGMA user_version = {len(schema.versions)}"))

    return _migrated(engine, migrate, f"{path} is not a usable SQLite database: restore it from a backup")


def _postgres(url: str, schema: Schema) -> Engine:
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgres", "postgresql"}:
        raise StartRefused("ROSTER_DATABASE_URL must start with postgresql://; leave it out to use SQLite files")
    try:
        engine = create_engine(f"postgresql+psycopg://{rest}", hide_parameters=True, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StartRefused("PostgreSQL needs its driver: pip install 'agentroster[postgres]'") from error
    except ArgumentError as error:
        raise StartRefused("ROSTER_DATABASE_URL is not a valid address of a database") from error

    def migrate(connection: Connection) -> None:
        # Replicas start together: one migrates, the others wait for it.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('agentroster'))"))
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS schema_versions (name TEXT PRIMARY KEY, version INTEGER NOT NULL)")
        )
        found = connection.execute(
            text("SELECT version FROM schema_versions WHERE name = :name"), {"name": schema.name}
        ).scalar_one_or_none()
        _migrate(connection, schema, found or 0, "the database")
        connection.execute(
            text(
                "INSERT INTO schema_versions VALUES (:name, :version) "
                "ON CONFLICT (name) DO UPDATE SET version = excluded.version"
            ),
            {"name": schema.name, "version": len(schema.versions)},
        )

    return _migrated(
        engine, migrate, "The database of ROSTER_DATABASE_URL cannot be used: is it up, and the password right?"
    )


def _migrated(engine: Engine, migrate: Callable[[Connection], None], trouble: str) -> Engine:
    """Return the engine, its schema up to date. Raises StartRefused, having closed it, with `trouble` or its own."""
    try:
        with engine.begin() as connection:
            migrate(connection)
    except DatabaseError as error:
        engine.dispose()
        raise StartRefused(trouble) from error
    except StartRefused:
        engine.dispose()
        raise
    return engine


def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _migrate(connection: Connection, schema: Schema, version: int, place: str) -> None:
    if version > len(schema.versions):
        raise StartRefused(f"{place} was written by a newer agentroster (schema {version}): install that version")
    for statements in schema.versions[version:]:
        for statement in statements:
            connection.exec_driver_sql(_translated(statement, connection.dialect.name))


def _translated(statement: Statement, dialect: str) -> str:
    if not isinstance(statement, str):
        return statement[dialect]
    if dialect == "postgresql":
        for word, other in _POSTGRES_TYPES.items():
            statement = statement.replace(word, other)
    return statement
