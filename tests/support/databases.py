"""Databases as an earlier version wrote them: how the dumps of `tests/databases` are made, loaded and compared.

`python -m tests.support.databases FOLDER` writes dumps of the present version, with every table filled; do it before
the schema changes. The key that encrypts them is the one below.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect

from agentroster.credentials.audit import STARTED, Act
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.identity.key_audit import KeyEvent, record
from agentroster.identity.keys import KeyStore
from agentroster.jobs.job import Counts, JobEvent
from agentroster.jobs.store import JobStore, Progress
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.skills.memory import Memory
from tests.support.postgres import programs, serving_postgres

KEY = "b25seSBmb3IgdGVzdHMsIG9wZW5zIG5vdGhpbmcgISE="
JIRA = Owner(issuer="roster", subject="anna", provider="jira")
GITHUB = Owner(issuer="open-webui", subject="berta", provider="github")
FOR_EVER = 9e9


def fill(roster: Path | str, credentials: Path | str) -> dict[str, Any]:
    """Put rows into every table; return the texts that are stored as digests only."""
    with Database.open(roster, ROSTER_SCHEMA) as database:
        known = _fill_roster(database)
    store = CredentialStore.open(credentials, KeyRing.parse(KEY))
    store.put(Credential(owner=JIRA, label="Work", scopes=("read", "write"), expires_at=12345.5), {"token": "jira-1"})
    store.put(Credential(owner=GITHUB, state="reconnect"), {"token": "github-1"})
    found = store.find(JIRA)
    assert found is not None
    assert store.take_lease(found, 60)
    for outcome in (STARTED, "ok"):
        store.audit.write(JIRA, Act(action="use", actor="user", agent="a", tool="t", outcome=outcome, use_id="u1"))
    known["ticket"] = store.tickets.issue(JIRA, "Anna")
    known["state"] = store.tickets.begin_flow(GITHUB, "browser-1", {"verifier": "v-1"})
    for table in ("tickets", "oauth_states"):
        store.database.call(_execute, f"UPDATE {table} SET expires_at = {FOR_EVER}")
    store.close()
    return known


def _execute(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _fill_roster(database: Database) -> dict[str, Any]:
    keys = KeyStore(database)
    key, secret = keys.create(user="anna", models=("agno/demo-agent", "agno/github-agent"), expires_at=FOR_EVER)
    forwarder, _ = keys.create(user="open-webui", forwarder=True)
    keys.revoke(forwarder.id)

    async def use() -> None:
        assert await keys.find(secret) is not None
        await keys.aclose()
        await Memory(database, Caller(user="anna", proof="own_key"), "palette").set("favourite", "tüll")

    asyncio.run(use())
    refused = KeyEvent(action="refuse", key_id="abcdefgh", address="192.0.2.7", outcome="no such key", count=3)
    database.call(record, [refused])
    jobs = JobStore(database)
    anna = Caller(user="anna", proof="own_key", key_id=key.id)
    made = [jobs.create(anna, "enrich-hf-metadata", {"folder": name}) for name in ("done", "runs", "stopped", "waits")]
    assert [job.id for job in jobs.claim("worker-1", 2)] == [job.id for job in made[:2]]
    events = [
        JobEvent(number=0, kind="item", data={"item": "ink.safetensors"}, at=time.time()),
        JobEvent(number=0, kind="completed", data={"total": 1}, at=time.time()),
    ]
    assert jobs.append(made[0].id, "worker-1", Progress(events, 0, Counts(total=1, done=1, changed=1), "completed"))
    assert jobs.cancel(anna, made[2].id)
    return {"key_id": key.id, "key": secret, "jobs": [job.id for job in made]}


def load_sqlite(dump: Path, path: Path) -> Path:
    """Make a file from a dump."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return path


def load_postgres(dump: Path, url: str) -> str:
    """Fill an empty database from a dump."""
    run_script(url, dump.read_text(encoding="utf-8"))
    return url


def run_script(url: str, statements: str) -> None:
    """Run statements on PostgreSQL, in a connection of their own: a dump changes its settings."""
    engine = engine_of(url)
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute(statements)
        connection.commit()
    engine.dispose()


def engine_of(location: Path | str) -> Engine:
    if isinstance(location, Path):
        return create_engine(f"sqlite:///{location}")
    return create_engine(location.replace("postgresql://", "postgresql+psycopg://"))


def rows_of(location: Path | str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, by the names of their columns."""
    engine = engine_of(location)
    with engine.connect() as connection:
        found = {
            name: sorted(
                (dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()), key=repr
            )
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    return found


def schema_of(location: Path | str) -> dict[str, Any]:
    """Tables with columns in order, primary keys, indexes and triggers, comparable whoever wrote them."""
    engine = engine_of(location)
    with engine.connect() as connection:
        inspector = inspect(connection)
        found: dict[str, Any] = {
            name: {
                "columns": [_column(column) for column in inspector.get_columns(name)],
                "key": inspector.get_pk_constraint(name)["constrained_columns"],
                "indexes": sorted((one["name"] or "", *one["column_names"]) for one in inspector.get_indexes(name)),
            }
            for name in inspector.get_table_names()
        }
        found["others"] = sorted(map(str, connection.exec_driver_sql(_OTHERS[engine.dialect.name]).all()))
    engine.dispose()
    return found


_OTHERS = {
    "sqlite": "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' "
    "UNION SELECT name, 'without rowid' FROM pragma_table_list WHERE wr",
    "postgresql": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger UNION SELECT proname, prosrc FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace",
}


def _column(column: Mapping[str, Any]) -> tuple[str, ...]:
    # What belongs to a primary key is required, whether SQLite was told so or not.
    required = bool(column.get("primary_key")) or not column["nullable"]
    return column["name"], str(column["type"]), str(required), str(column["default"]), str(column.get("identity"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as work:
        paths = [Path(work, f"{name}.db") for name in ("roster", "credentials")]
        known["sqlite"] = fill(*paths)
        for path in paths:
            with closing(sqlite3.connect(path)) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                lines = [*connection.iterdump(), f"PRAGMA user_version = {version};"]
            (folder / f"{path.stem}.sqlite.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    binaries = programs()
    assert binaries is not None, "PostgreSQL is not installed here"
    with serving_postgres(binaries) as url:
        known["postgres"] = fill(url, url)
        command = ["pg_dump", "--inserts", "--no-owner", url]
        dump = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    # Without comments and the commands of the dump program's own shell.
    lines = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\"))]
    (folder / "postgres.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "known.json").write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
