"""A SQLite driver whose n-th write fails, as on a full disk: below SQLAlchemy, so that all of our code is real."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

Way = Literal["before", "commit", "after commit"]
"""Whether the statement fails, the commit, or only the word of a commit that was done."""


@dataclass
class Faults:
    """Counts writes (or commits of writes) and fails those whose number is named."""

    fail: frozenset[int] = frozenset()
    way: Way = "before"
    seen: int = 0

    def hit(self, way: Way) -> bool:
        if way != self.way:
            return False
        self.seen += 1
        return self.seen in self.fail


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *arguments: Any) -> Any:
        self._write(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql: str, *arguments: Any) -> Any:
        self._write(sql)
        return super().executemany(sql, *arguments)

    def _write(self, sql: str) -> None:
        connection: Any = self.connection
        if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE")) and connection.faults.hit("before"):
            raise full()


class _Connection(sqlite3.Connection):
    faults: Faults

    def __init__(self, *arguments: Any, faults: Faults, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.faults = faults

    def cursor(self, *_: Any, **__: Any) -> Any:
        return super().cursor(_Cursor)

    def commit(self) -> None:
        writes = self.in_transaction
        if writes and self.faults.hit("commit"):
            raise full()
        super().commit()
        if writes and self.faults.hit("after commit"):
            raise full()


@contextmanager
def failing(faults: Faults) -> Iterator[None]:
    """Open every SQLite connection of this process with these faults."""
    module: Any = sys.modules["sqlite3.dbapi2"]
    real = module.connect
    module.connect = partial(real, factory=partial(_Connection, faults=faults))
    try:
        yield
    finally:
        module.connect = real
