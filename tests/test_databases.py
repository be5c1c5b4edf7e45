"""Databases that earlier versions wrote, as SQL dumps in `tests/databases`: they open, and every row is there."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.identity.key_audit import KeyAudit
from agentroster.identity.keys import ApiKey, KeyStore
from agentroster.jobs.store import JobStore
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.skills.memory import Memory
from tests.support.databases import (
    GITHUB,
    JIRA,
    KEY,
    engine_of,
    fill,
    load_postgres,
    load_sqlite,
    rows_of,
    run_script,
    schema_of,
)

DUMPS = Path(__file__).parent / "databases"
PRESENT = DUMPS / "2026-11-28"
ANNA = Caller(user="anna", proof="own_key")


@dataclass(frozen=True)
class Databases:
    """Where both databases are, of which PostgreSQL makes one; and the texts that are stored as digests only."""

    roster: Path | str
    credentials: Path | str
    known: dict[str, Any]

    def rows(self) -> dict[str, Any]:
        return rows_of(self.roster) | rows_of(self.credentials)

    def schema(self) -> list[Any]:
        return [schema_of(self.roster), schema_of(self.credentials)]

    def open(self) -> None:
        """Bring both up to date, as a start does."""
        Database.open(self.roster, ROSTER_SCHEMA).close()
        CredentialStore.open(self.credentials, KeyRing.parse(KEY)).close()


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    if request.param == "sqlite":
        return Databases(tmp_path / "new-roster.db", tmp_path / "new-credentials.db", {})
    url: str = request.getfixturevalue("empty_postgres")
    return Databases(url, url, {})


@pytest.fixture(params=["sqlite", "postgres"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """Databases of 2026-11-28 with every table filled."""
    known = json.loads((PRESENT / "known.json").read_text(encoding="utf-8"))[request.param]
    if request.param == "sqlite":
        return Databases(
            load_sqlite(PRESENT / "roster.sqlite.sql", tmp_path / "roster.db"),
            load_sqlite(PRESENT / "credentials.sqlite.sql", tmp_path / "credentials.db"),
            known,
        )
    url = load_postgres(PRESENT / "postgres.sql", request.getfixturevalue("empty_postgres"))
    return Databases(url, url, known)


@pytest.fixture
def opened(stored: Databases) -> Iterator[tuple[Database, CredentialStore]]:
    store = CredentialStore.open(stored.credentials, KeyRing.parse(KEY))
    with closing(store), Database.open(stored.roster, ROSTER_SCHEMA) as database:
        yield database, store


def test_opening_a_database_of_the_present_version_changes_no_row(stored: Databases) -> None:
    before = stored.rows()
    assert all(before.values()), "a table has no row"
    stored.open()
    assert stored.rows() == before


def test_keys_and_their_record_are_found_in_it(stored: Databases, opened: tuple[Database, CredentialStore]) -> None:
    database, _ = opened
    keys = KeyStore(database)

    async def find() -> ApiKey | None:
        try:
            return await keys.find(stored.known["key"])
        finally:
            await keys.aclose()

    found = asyncio.run(find())
    assert found is not None
    assert (found.id, found.user, found.models) == (
        stored.known["key_id"], "anna", ("agno/demo-agent", "agno/github-agent"),
    )  # fmt: skip
    assert (found.expires_at, found.last_used_at is None) == (9e9, False)
    assert [(key.user, key.forwarder, key.state(0)) for key in keys.list()] == [
        ("anna", False, "active"),
        ("open-webui", True, "revoked"),
    ]
    record = [(event.action, event.user, event.address, event.count) for event in KeyAudit(database).read()]
    assert record == [
        ("refuse", "", "192.0.2.7", 3), ("revoke", "open-webui", "", 1),
        ("create", "open-webui", "", 1), ("create", "anna", "", 1),
    ]  # fmt: skip


def test_memories_and_jobs_are_found_in_it(stored: Databases, opened: tuple[Database, CredentialStore]) -> None:
    database, _ = opened
    assert asyncio.run(Memory(database, ANNA, "palette").get("favourite")) == "tüll"
    jobs = JobStore(database)
    found = [jobs.find(ANNA, job) for job in stored.known["jobs"]]
    assert [(job.state, job.arguments["folder"], job.counts.done) for job in found if job] == [
        ("completed", "done", 1), ("running", "runs", 0), ("cancelled", "stopped", 0), ("queued", "waits", 0),
    ]  # fmt: skip
    events = [(one.number, one.kind, one.data) for one in jobs.events(stored.known["jobs"][0], 0)]
    assert events == [(1, "item", {"item": "ink.safetensors"}), (2, "completed", {"total": 1})]
    assert jobs.recorded(stored.known["jobs"][0]).items == {"ink.safetensors"}
    # The lease of the one that ran is long over.
    assert [job.id for job in jobs.claim("worker-2", 5)] == [stored.known["jobs"][1], stored.known["jobs"][3]]


def test_credentials_links_and_their_record_are_found_in_it(
    stored: Databases, opened: tuple[Database, CredentialStore]
) -> None:
    _, store = opened
    jira, github = store.find(JIRA), store.find(GITHUB)
    assert jira is not None
    assert github is not None
    assert (jira.secret, github.secret) == ({"token": "jira-1"}, {"token": "github-1"})
    assert (jira.credential.label, jira.credential.scopes, jira.credential.expires_at, jira.credential.state) == (
        "Work", ("read", "write"), 12345.5, "ok",
    )  # fmt: skip
    assert github.credential.state == "reconnect"
    ticket, flow = store.tickets.take(stored.known["ticket"]), store.tickets.take_flow(stored.known["state"])
    assert ticket is not None
    assert flow is not None
    assert (ticket.owner, ticket.person) == (JIRA, "Anna")
    assert (flow.owner, flow.browser, flow.details) == (GITHUB, "browser-1", {"verifier": "v-1"})
    record = [(entry.owner, entry.act.action, entry.act.outcome, entry.act.tool) for entry in store.audit.read()]
    assert record == [(JIRA, "use", "ok", "t"), (GITHUB, "set", "ok", ""), (JIRA, "set", "ok", "")]


def test_a_new_database_and_one_of_the_present_version_have_the_same_schema(stored: Databases, tmp_path: Path) -> None:
    stored.open()
    found = stored.schema()
    assert found == _schema_of_a_new_one(stored, tmp_path)


@pytest.mark.parametrize("name", ["roster-1", "roster-2", "credentials-1"])
def test_an_earlier_file_gets_the_schema_of_a_new_one_and_keeps_its_rows(name: str, tmp_path: Path) -> None:
    made = Databases(tmp_path / "roster.db", tmp_path / "credentials.db", {})
    path = made.roster if name.startswith("roster") else made.credentials
    assert isinstance(path, Path)
    load_sqlite(DUMPS / "earlier" / f"{name}.sqlite.sql", path)
    _keeps_rows_and_gets_the_schema(made, rows_of(path), tmp_path)


def test_an_earlier_postgres_gets_the_schema_of_a_new_one_and_keeps_its_rows(
    empty_postgres: str, tmp_path: Path
) -> None:
    load_postgres(DUMPS / "earlier" / "postgres-1.sql", empty_postgres)
    before = rows_of(empty_postgres)
    del before["schema_versions"]
    _keeps_rows_and_gets_the_schema(Databases(empty_postgres, empty_postgres, {}), before, tmp_path)


def _keeps_rows_and_gets_the_schema(made: Databases, before: dict[str, Any], tmp_path: Path) -> None:
    made.open()
    after = made.rows()
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert sorted(kept, key=repr) == sorted(rows, key=repr)
    assert made.schema() == _schema_of_a_new_one(made, tmp_path)


def _schema_of_a_new_one(like: Databases, tmp_path: Path) -> list[Any]:
    if isinstance(like.roster, str):
        run_script(like.roster, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        new = like
    else:
        new = Databases(tmp_path / "new-roster.db", tmp_path / "new-credentials.db", {})
    new.open()
    return new.schema()


def test_a_column_added_to_any_table_breaks_no_statement(empty: Databases) -> None:
    empty.open()
    for location in {empty.roster, empty.credentials}:
        engine = engine_of(location)
        with engine.begin() as connection:
            for table in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN later TEXT NOT NULL DEFAULT 'x'")
        engine.dispose()
    known = fill(empty.roster, empty.credentials)
    with Database.open(empty.roster, ROSTER_SCHEMA) as database:
        found = JobStore(database).find(ANNA, known["jobs"][0])
        assert found is not None
        assert found.state == "completed"
    assert {row["later"] for row in empty.rows()["jobs"]} == {"x"}
