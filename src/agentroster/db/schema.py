"""The ladder of a schema's versions, and what rooms need to declare their tables for SQLite and PostgreSQL alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import REAL, BigInteger, Column, Connection, Double, Identity, Integer, MetaData, Table, Text, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from agentroster.errors import StartRefused

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

SECONDS: Double[float] = Double[float]().with_variant(REAL(), "sqlite")
"""The type of times and durations in seconds."""

schema_versions = Table(
    "schema_versions", MetaData(), Column("name", Text, primary_key=True), Column("version", Integer, nullable=False)
)
"""How far each schema is, on PostgreSQL; a SQLite file has a number for it."""

Migration: TypeAlias = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """The functions that bring a database from each version to the next, oldest first; their count is the version.

    Each creates tables as their room declares them today and adds columns where they are missing, so that a new
    database and an old one end alike; one that has been released keeps its place.
    """

    name: str
    migrations: Sequence[Migration]

    @property
    def version(self) -> int:
        """The version of an up-to-date database."""
        return len(self.migrations)

    def migrate(self, connection: Connection, version: int, name: str) -> None:
        """Bring a database of this version up to date. Raises StartRefused when a newer one wrote it."""
        if version > self.version:
            raise StartRefused(f"{name} was written by a newer agentroster (schema {version}): install that version")
        for migration in self.migrations[version:]:
            migration(connection)


def row_number() -> Column[int]:
    """Return a column `id` that the database counts."""
    return Column("id", BigInteger().with_variant(Integer(), "sqlite"), Identity(always=True), primary_key=True)


def required(kind: type[TypeEngine[Any]] | TypeEngine[Any], *names: str, is_key: bool = False) -> list[Column[Any]]:
    """Return columns of one type that are never NULL; all together they may be the primary key."""
    return [Column(name, kind, nullable=False, primary_key=is_key) for name in names]


def create(connection: Connection, *tables: Table) -> None:
    """Create tables with their indexes. One that is there already is somebody else's: the start is refused."""
    for table in tables:
        table.create(connection, checkfirst=False)


def add_columns(connection: Connection, *columns: Column[object]) -> None:
    """Add those of these columns that are missing to their table."""
    for column in columns:
        present = {found["name"] for found in inspect(connection).get_columns(column.table.name)}
        if column.name not in present:
            # Core has no ALTER TABLE: its compiler writes the column, the rest is the same on both.
            declared = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {declared}")


def insert_into(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Return the dialect's own INSERT, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow, and there only where PostgreSQL is used

    return postgresql.insert(table)
