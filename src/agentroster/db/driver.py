"""The few statements that every tool call runs: compiled once by SQLAlchemy, run on the driver's own cursor.

Without SQLAlchemy's execution and result objects they cost a third. Values and rows go past its types, so columns are
texts, numbers or bytes here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Insert, Row, Select, Update
from sqlalchemy.engine import result_tuple
from sqlalchemy.pool import PoolProxiedConnection

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
SqlRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row whose columns are attributes."""


def first_row(
    driver: PoolProxiedConnection, dialect: Dialect, statement: AnySelect, values: Mapping[str, object]
) -> SqlRow | None:
    """Return the first row of a statement, or None."""
    text, bound, named = _compiled(statement, dialect, tuple(values))
    cursor = driver.cursor()
    try:
        cursor.execute(text, bound(values))
        row = cursor.fetchone()
    finally:
        cursor.close()
    return None if row is None else named(row)


def write_rows(connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, object]]) -> None:
    """Run a statement once for each row of values, all of which have the same names."""
    if not rows:
        return
    text, bound, _ = _compiled(statement, connection.dialect, tuple(rows[0]))
    with closing(connection.connection.cursor()) as cursor:
        cursor.executemany(text, [bound(row) for row in rows])


@lru_cache(maxsize=64)
def _compiled(
    statement: AnySelect | Insert | Update, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Callable[[Mapping[str, object]], Any], Callable[[Sequence[Any]], SqlRow]]:
    """Return a statement in a dialect's words, what makes named values its driver's, and what names a row's values."""
    # As for many rows: an INSERT returns nothing then.
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    order = compiled.positiontup

    def bound(values: Mapping[str, object]) -> Any:
        given = {**constants, **values} if constants else values
        return given if order is None else [given[name] for name in order]

    columns = statement.selected_columns.keys() if isinstance(statement, Select) else ()
    return compiled.string, bound, result_tuple(columns)
