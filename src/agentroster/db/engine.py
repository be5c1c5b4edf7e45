"""Opens a database: a SQLite file in WAL mode, or PostgreSQL; with its schema brought up to date."""

import errno
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from agentroster.db.schema import Schema, insert_into, schema_versions
from agentroster.db.trouble import Kind, for_operator, kind_of
from agentroster.errors import StartRefused

POSTGRES_NAME = "The database of ROSTER_DATABASE_URL"
"""How the database is called where an address must not be shown."""

_PRAGMAS = ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON")
_POSTGRES_PORT = 5432
# A server that went away without a word is noticed; an address may say otherwise.
_POSTGRES_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_ERRNO_KINDS: Mapping[int, Kind] = {errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EROFS: "read_only"}


def wait_for_server(url: str, seconds: float, report: Callable[[str], None]) -> None:
    """Return once something listens at the address of a PostgreSQL database, or after that time.

    Proxies and databases start together, in any order. What else may be wrong with the address is for `open` to say.
    """
    address = _server(url)
    deadline, told = time.monotonic() + seconds, False
    while address is not None:
        try:
            socket.create_connection(address, timeout=5).close()
        except UnicodeError:
            return  # no name that a server could have
        except OSError:
            if time.monotonic() >= deadline:
                return
            if not told:
                report(f"waiting for the database at {address[0]}:{address[1]}")
            told = True
            time.sleep(0.5)
        else:
            return


def _server(url: str) -> tuple[str, int] | None:
    """Return host and port, or None where the address has not exactly one of each."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return None
    if not parts.drivername.startswith("postgres") or not parts.host or "," in parts.host:
        return None
    return parts.host, parts.port or _POSTGRES_PORT


def open_sqlite(path: Path, schema: Schema) -> Engine:
    """Open or create a file (0600). Raises StartRefused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives -wal and -shm the mode of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        kind = _ERRNO_KINDS.get(error.errno or 0)
        unknown = f"{path} cannot be opened: {error.strerror}; choose another --data-dir"
        raise StartRefused(for_operator(kind, str(path)) if kind else unknown) from error
    # Last in, first out: another connection's write empties a connection's cache, so the same one is used again.
    # Made of parts: a `?` or `%` in a path has no meaning of its own. Absolute, so that no name is special.
    url = URL.create("sqlite", database=str(path.absolute()))
    engine = create_engine(url, hide_parameters=True, pool_use_lifo=True)
    event.listen(engine, "connect", _configure)

    def migrate(connection: Connection) -> None:
        def version() -> int:
            return connection.exec_driver_sql("PRAGMA user_version").scalar_one()

        # Written only where there is something to write: on a full or locked disk what only reads still works.
        if version() == schema.version:
            return
        # The driver opens no transaction for CREATE TABLE: half a migration would stay behind.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        schema.migrate(connection, version(), str(path))
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.version}")

    return _migrated(engine, migrate, str(path), path)


def open_postgres(address: str, schema: Schema) -> Engine:
    """Open a database by its address. Raises StartRefused, which never names the address."""
    scheme, _, rest = address.partition("://")
    if scheme not in {"postgres", "postgresql"}:
        raise StartRefused("ROSTER_DATABASE_URL must start with postgresql://; leave it out to use SQLite files")
    try:
        url = make_url(f"postgresql+psycopg://{rest}")
        options = {name: value for name, value in _POSTGRES_OPTIONS.items() if name not in url.query}
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=options)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StartRefused("PostgreSQL needs its driver: pip install 'agentroster[postgres]'") from error
    except (ArgumentError, ValueError) as error:
        raise StartRefused("ROSTER_DATABASE_URL is not a valid address of a database") from error

    def migrate(connection: Connection) -> None:
        # Replicas start together: one migrates, the others wait for it.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("agentroster"))))
        schema_versions.create(connection, checkfirst=True)
        found = connection.execute(select(schema_versions.c.version).where(schema_versions.c.name == schema.name))
        schema.migrate(connection, found.scalar_one_or_none() or 0, "the database")
        row = insert_into(connection, schema_versions).values(name=schema.name, version=schema.version)
        connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"version": schema.version}))

    return _migrated(engine, migrate, POSTGRES_NAME, None)


def _migrated(engine: Engine, migrate: Callable[[Connection], None], name: str, path: Path | None) -> Engine:
    """Return the engine, its schema up to date. Raises StartRefused, having closed it, and says what is wrong."""
    try:
        with engine.begin() as connection:
            migrate(connection)
    except (DBAPIError, sqlite3.Error, UnicodeError) as error:
        engine.dispose()
        kind = kind_of(error, path)
        told = for_operator(kind, name) if kind else f"{name} cannot be opened by this version: nothing was changed"
        raise StartRefused(told) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
