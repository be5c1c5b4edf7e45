"""The store of credentials under load, crashes, upgrades, on SQLite and on PostgreSQL."""

import asyncio
import json
import multiprocessing
import os
import random
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from agentroster.credentials.audit import STARTED, Act
from agentroster.credentials.backup import export_lines, import_lines
from agentroster.credentials.credential import Credential, Owner, Secret
from agentroster.credentials.people import purge_credentials, relink_credentials
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.rotation import rotate
from agentroster.credentials.schema import CREDENTIALS_SCHEMA
from agentroster.credentials.store import CredentialStore, Stored
from agentroster.db.database import Database, wait_for_server
from agentroster.db.schema import Migration, Schema
from agentroster.errors import BadInput, StartRefused
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore, purge_keys
from agentroster.jobs.store import JobStore
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.skills.memory import Memory, purge_memories, relink_memories
from tests.support.databases import rows_of
from tests.support.deployment import MASTER_KEY, new_key
from tests.support.roster_process import RosterProcess, run_roster

ANNA = Owner(issuer="roster", subject="anna", provider="jira")
USE = Act(action="use", actor="user")
PASSPHRASE = "correct horse battery staple"


KEY = new_key()


@pytest.fixture
def store(location: Path | str) -> Iterator[CredentialStore]:
    opened = CredentialStore.open(location, KeyRing.parse(KEY))
    yield opened
    opened.close()


def test_a_credential_comes_back_with_what_may_be_shown(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA, label="Anna", scopes=("a", "b"), expires_at=12345.5), {"token": "t", "url": "u"})
    found = store.find(ANNA)
    assert found is not None
    assert found.secret == {"token": "t", "url": "u"}
    assert (found.credential.label, found.credential.scopes, found.credential.expires_at) == (
        "Anna",
        ("a", "b"),
        12345.5,
    )
    assert [credential.owner for credential in store.list("anna")] == [ANNA]
    assert store.list("bert") == []
    assert store.delete(ANNA)
    assert store.find(ANNA) is None


def test_a_refresh_that_comes_too_late_changes_nothing(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA), {"token": "old"})
    old = store.find(ANNA)
    assert old is not None
    store.put(Credential(owner=ANNA), {"token": "connected again"})
    assert not store.replace(old, old.credential, {"token": "refreshed"}, USE)
    assert not store.mark(old, "reconnect", USE)
    assert store.get(ANNA) == {"token": "connected again"}


def test_one_of_many_gets_the_lease_and_a_changed_credential_frees_it(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA), {"token": "old"})
    old = store.find(ANNA)
    assert old is not None
    assert [store.take_lease(old, 60) for _ in range(3)] == [True, False, False]
    store.release_lease(old)
    assert store.take_lease(old, 60)
    store.put(Credential(owner=ANNA), {"token": "new"})
    new = store.find(ANNA)
    assert new is not None
    assert store.take_lease(new, 60)


def test_a_ticket_is_taken_by_exactly_one(store: CredentialStore) -> None:
    ticket = store.tickets.issue(ANNA, "Anna")
    taken: list[object] = []
    threads = [threading.Thread(target=lambda: taken.append(store.tickets.take(ticket))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in taken) == 1


def test_a_ticket_and_a_flow_end_after_ten_minutes(store: CredentialStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = store.tickets.issue(ANNA, "Anna")
    state = store.tickets.begin_flow(ANNA, "browser", {"verifier": "v"})
    now = __import__("time").time()
    monkeypatch.setattr("agentroster.credentials.tickets.time.time", lambda: now + 601)
    assert store.tickets.look(ticket) is None
    assert store.tickets.take(ticket) is None
    assert store.tickets.take_flow(state) is None


def test_the_audit_record_only_grows(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA), {"token": "t"})
    for statement in ("UPDATE audit SET outcome = 'x'", "DELETE FROM audit"):
        with pytest.raises(DatabaseError, match="append-only"):
            store.database.call(lambda connection, text=statement: connection.exec_driver_sql(text))
    assert [entry.act.action for entry in store.audit.read()] == ["set"]


def test_a_use_is_shown_once_with_its_outcome_and_an_unfinished_one_as_started(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA), {"token": "t"})
    for number, outcome in enumerate(("ok", "failed", "")):
        act = Act(action="use", actor="user", agent="a", tool="t", outcome=STARTED, use_id=f"u{number}")
        store.audit.write(ANNA, act)
        if outcome:
            store.audit.write(
                ANNA, Act(action="use", actor="user", agent="a", tool="t", outcome=outcome, use_id=f"u{number}")
            )
    uses = [entry.act.outcome for entry in store.audit.read() if entry.act.action == "use"]
    assert uses == ["started", "failed", "ok"]


def test_purging_a_person_leaves_the_others_and_the_record(store: CredentialStore) -> None:
    others = [
        Owner(issuer="open-webui", subject="anna", provider="jira"),
        Owner(issuer="roster", subject="bert", provider="jira"),
    ]
    for owner in (ANNA, Owner(issuer="roster", subject="anna", provider="github"), *others):
        store.put(Credential(owner=owner), {"token": "t"})
    ticket = store.tickets.issue(ANNA, "Anna")
    assert purge_credentials(store, "roster", "anna") == 2
    assert {credential.owner for credential in store.list()} == set(others)
    assert store.tickets.look(ticket) is None
    assert sum(entry.act.action == "purge" for entry in store.audit.read()) == 2


def test_relinking_moves_what_the_new_id_does_not_have(store: CredentialStore) -> None:
    store.put(Credential(owner=ANNA, label="work"), {"token": "jira"})
    store.put(Credential(owner=Owner(issuer="roster", subject="anna", provider="github")), {"token": "old"})
    newer = Owner(issuer="roster", subject="anna-2", provider="github")
    store.put(Credential(owner=newer), {"token": "new"})
    assert relink_credentials(store, "roster", "anna", "anna-2") == (1, 1)
    assert store.get(Owner(issuer="roster", subject="anna-2", provider="jira")) == {"token": "jira"}
    assert store.get(ANNA) is None
    assert store.get(newer) == {"token": "new"}


def test_a_backup_opens_with_its_passphrase_and_nothing_else(store: CredentialStore, tmp_path: Path) -> None:
    owners = [Owner(issuer="roster", subject=f"u{n}", provider="jira") for n in range(5)]
    for owner in owners:
        store.put(Credential(owner=owner, label="x", scopes=("s",)), {"token": f"canary-{owner.subject}"})
    lines = list(export_lines(store, PASSPHRASE))
    assert "canary" not in "".join(lines)
    other = CredentialStore.open(tmp_path / "other.db", KeyRing.parse(new_key()))
    damaged = [lines[:-1], lines[:2] + lines[3:], [*lines[:2], lines[3], lines[2], *lines[4:]], [lines[0]], []]
    damaged += [[line[:-3] for line in lines], ["{}", *lines[1:]], [lines[0].replace('"r": 8', '"r": 9'), *lines[1:]]]
    for bad in damaged:
        with pytest.raises(BadInput):
            import_lines(other, PASSPHRASE, bad, replace=True)
    with pytest.raises(BadInput):
        import_lines(other, PASSPHRASE + "x", lines, replace=True)
    assert other.list() == []
    other.put(Credential(owner=owners[0]), {"token": "mine"})
    assert import_lines(other, PASSPHRASE, lines, replace=False).kept == 1
    assert other.get(owners[0]) == {"token": "mine"}
    assert import_lines(other, PASSPHRASE, lines, replace=True).written == 5
    assert other.get(owners[0]) == {"token": "canary-u0"}
    assert other.list()[0].scopes == ("s",)
    with pytest.raises(BadInput, match="at least"):
        list(export_lines(store, "short"))
    other.close()


def test_keys_and_memories_work_and_follow_their_person(location: Path | str) -> None:
    with Database.open(location, ROSTER_SCHEMA) as database:
        keys = KeyStore(database)
        keys.create(user="anna")
        keys.create(user="anna", forwarder=True)
        for user, value in (("anna", "old"), ("berta", "new")):
            memory = Memory(database, Caller(user=user, proof="own_key"), "s")
            asyncio.run(memory.set("both", value))
        asyncio.run(Memory(database, Caller(user="anna", proof="own_key"), "s").set("one", "old"))
        assert database.call(relink_memories, "roster", "anna", "berta") == 1
        berta = Memory(database, Caller(user="berta", proof="own_key"), "s")
        assert [asyncio.run(berta.get(name)) for name in ("both", "one")] == ["new", "old"]
        assert database.call(relink_memories, "roster", "anna", "berta") == 0
        assert database.call(purge_memories, "roster", "berta") == 2
        assert database.call(purge_memories, "roster", "anna") == 0
        assert [database.call(purge_keys, *who) for who in (("open-webui", "anna"), ("roster", "anna"))] == [0, 1]
        assert [key.forwarder for key in keys.list()] == [True]


# --- versions


def executing(*statements: str) -> Migration:
    def migrate(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    return migrate


def test_a_migration_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    first = executing("CREATE TABLE a (n INTEGER)")
    Database.open(path, Schema("x", (first,))).close()
    broken = Schema("x", (first, executing("CREATE TABLE b (n INTEGER)", "CREATE NONSENSE")))
    with pytest.raises(StartRefused):
        Database.open(path, broken)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_table_of_another_program_is_not_taken_for_ours(location: Path | str) -> None:
    other = Schema("other", (executing("CREATE TABLE jobs (n INTEGER)"),))
    if isinstance(location, str):
        Database.open(location, other).close()
    else:
        with closing(sqlite3.connect(location)) as connection:
            connection.execute("CREATE TABLE jobs (n INTEGER)")
    with pytest.raises(StartRefused, match="nothing was changed"):
        Database.open(location, ROSTER_SCHEMA)
    assert set(rows_of(location)) - {"schema_versions"} == {"jobs"}


def test_a_newer_version_is_not_touched(location: Path | str) -> None:
    later = executing("CREATE TABLE later (n INTEGER)")
    longer = Schema(CREDENTIALS_SCHEMA.name, (*CREDENTIALS_SCHEMA.migrations, later))
    Database.open(location, longer).close()
    with pytest.raises(StartRefused, match="newer"):
        Database.open(location, CREDENTIALS_SCHEMA)


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://127.0.0.1:1/none", "postgresql://", "nonsense"])
def test_a_database_that_cannot_be_used_is_one_clear_line(url: str) -> None:
    with pytest.raises(StartRefused, match=r"ROSTER_DATABASE_URL|PostgreSQL"):
        Database.open(url, ROSTER_SCHEMA)


def test_a_start_waits_for_the_server_of_the_database() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said: list[str] = []
    with ExitStack() as servers:

        def begin(text: str) -> None:
            said.append(text)
            servers.enter_context(socket.create_server(("127.0.0.1", port)))

        wait_for_server(f"postgresql://roster:secret@127.0.0.1:{port}/roster", 30, begin)
    assert said == [f"waiting for the database at 127.0.0.1:{port}"]


def test_a_start_waits_for_one_server_only_and_not_for_ever() -> None:
    for url in ("nonsense", "mysql://nowhere.invalid/y", "postgresql://", "postgresql://a.invalid,b.invalid/x"):
        wait_for_server(url, 10_000, pytest.fail)
    wait_for_server("postgresql://127.0.0.1:1/x", 0, pytest.fail)
    for never in ("roster@a..b", "roster@" + "a" * 70):
        wait_for_server(f"postgresql://{never}/x", 10_000, pytest.fail)


def test_a_proxy_runs_on_postgres(empty_postgres: str, tmp_path: Path) -> None:
    environment = {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "ROSTER_ENCRYPTION_KEY": KEY,
        "ROSTER_DATABASE_URL": empty_postgres,
    }
    process = RosterProcess(tmp_path, environment).start()
    try:
        key = process.cli("keys", "create", "--user", "anna").strip()
        with process.http(key) as client:
            body = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/favourite red"}]}
            assert "I will remember" in client.post("/v1/chat/completions", json=body).text
            body["messages"][0]["content"] = "/connect github"
            assert "/roster/connect/" in client.post("/v1/chat/completions", json=body).text
    finally:
        process.stop()
    assert not list(process.data_dir.glob("*.db"))
    assert empty_postgres not in process.log


# --- a simple model of it


class StoreMachine(RuleBasedStateMachine):
    """Set, get, rotate, delete and refresh in any order, from two processes' points of view, against a dict."""

    folder: Path
    keys: list[str]
    people = st.sampled_from(
        [Owner(issuer=i, subject=s, provider="jira") for i in ("roster", "open-webui") for s in "ab"]
    )

    @initialize()
    def start(self) -> None:
        self.running, self.operator = self.opened(), self.opened()
        for credential in self.running.list():
            self.running.delete(credential.owner)
        self.expected: dict[Owner, dict[str, str]] = {}
        self.held: dict[Owner, Stored] = {}
        self.count = 0

    def opened(self) -> CredentialStore:
        return CredentialStore.open(self.folder / "credentials.db", KeyRing.parse(",".join(self.keys)))

    @rule(owner=people, by_operator=st.booleans())
    def set(self, owner: Owner, by_operator: bool) -> None:
        self.count += 1
        secret = {"token": f"secret-{self.count}"}
        (self.operator if by_operator else self.running).put(Credential(owner=owner), secret)
        self.expected[owner] = secret

    @rule(owner=people)
    def get(self, owner: Owner) -> None:
        found = self.running.find(owner)
        assert (found.secret if found else None) == self.expected.get(owner)
        assert self.operator.get(owner) == self.expected.get(owner)
        if found:
            self.held[owner] = found

    @rule(owner=people)
    def refresh(self, owner: Owner) -> None:
        """Refresh from what was read some time ago: it counts only if nothing happened since."""
        if owner not in self.held:
            return
        old = self.held[owner]
        now = self.running.find(owner)
        is_current = now is not None and now.sealed == old.sealed
        self.count += 1
        secret = {"token": f"refreshed-{self.count}"}
        assert self.running.replace(old, old.credential, secret, USE) == is_current
        if is_current:
            self.expected[owner] = secret

    @rule(owner=people, by_operator=st.booleans())
    def delete(self, owner: Owner, by_operator: bool) -> None:
        existed = (self.operator if by_operator else self.running).delete(owner)
        assert existed == (self.expected.pop(owner, None) is not None)

    @rule()
    def rotate(self) -> None:
        type(self).keys = [new_key(), self.keys[0]]
        self.operator.close()
        self.operator = self.opened()
        result = rotate(self.operator, lambda *_: None)
        assert (result.left, result.unreadable) == (0, 0)
        assert {credential.key_id for credential in self.operator.list()} <= {self.operator.cipher.primary_id}
        self.running.close()
        self.running = self.opened()

    def teardown(self) -> None:
        assert {credential.owner for credential in self.running.list()} == set(self.expected)
        for owner, secret in self.expected.items():
            assert self.running.get(owner) == secret
        self.running.close()
        self.operator.close()


@pytest.mark.timeout(600)
def test_a_thousand_interleavings_agree_with_a_simple_model(tmp_path: Path) -> None:
    machine = type("Machine", (StoreMachine,), {"folder": tmp_path, "keys": [new_key()]})
    many = settings(
        max_examples=1000,
        stateful_step_count=6,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(machine, settings=many)


# --- crashes


def work_for_ever(folder: Path, keys: list[str], seed: int) -> None:
    """Write and rotate until killed; note on disk, after each commit, what must be there."""
    chance = random.Random(seed)
    log = os.open(folder / "committed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    store = CredentialStore.open(folder / "credentials.db", KeyRing.parse(",".join(keys)))
    number = seed * 100_000
    while True:
        for _ in range(chance.randint(1, 10)):
            number += 1
            subject = f"user-{chance.randint(0, 30)}"
            store.put(
                Credential(owner=Owner(issuer="roster", subject=subject, provider="jira")), {"token": str(number)}
            )
            os.write(log, f"{subject} {number}\n".encode())
        rotate(store, lambda *_: None)


@pytest.mark.timeout(300)
def test_a_hundred_kills_during_writes_and_rotation_lose_nothing(tmp_path: Path) -> None:
    keys = [new_key()]
    chance = random.Random(7)
    expected: dict[str, str] = {}
    context = multiprocessing.get_context("fork")
    for attempt in range(100):
        worker = context.Process(target=work_for_ever, args=(tmp_path, keys, attempt + 1))
        worker.start()
        worker.join(0.03 + chance.random() * 0.08)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(10)
        committed = tmp_path / "committed"
        lines = committed.read_text().splitlines() if committed.exists() else []
        expected = dict(line.split() for line in lines if line.count(" ") == 1)
        store = CredentialStore.open(tmp_path / "credentials.db", KeyRing.parse(",".join(keys)))
        for subject, number in expected.items():
            found = store.get(Owner(issuer="roster", subject=subject, provider="jira"))
            assert found is not None
            # The very last write may be there although the kill came before its note.
            assert int(found["token"]) >= int(number)
        assert len(store.list()) >= len(expected)
        store.close()
        if attempt % 10 == 9:
            # The next worker rotates to a new key; what is under older ones stays readable.
            keys = [new_key(), *keys]
    check = sqlite3.connect(tmp_path / "credentials.db")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
    assert expected


# --- commands


def test_the_commands_back_up_audit_purge_and_relink(tmp_path: Path) -> None:
    environment = {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "ROSTER_ENCRYPTION_KEY": KEY,
        "ROSTER_DATA_DIR": str(tmp_path / "data"),
    }
    store = CredentialStore.open(tmp_path / "data" / "credentials.db", KeyRing.parse(KEY))
    store.put(Credential(owner=ANNA, label="Anna"), {"token": "canary-of-the-backup-1"})
    store.close()
    (tmp_path / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    file = str(tmp_path / "backup")
    options = ("--passphrase-file", str(tmp_path / "passphrase"))

    def run(*arguments: str, status: int = 0) -> str:
        done = run_roster(*arguments, environment=environment)
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    assert "1 credentials written" in run("credentials", "export", file, *options)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert b"canary" not in (tmp_path / "backup").read_bytes()
    assert "never written over" in run("credentials", "export", file, *options, status=2)
    with Database.open(tmp_path / "data" / "roster.db", ROSTER_SCHEMA) as database:
        begun = JobStore(database).create(Caller(user="anna", proof="own_key"), "some-skill", {})
    assert "1 credentials, 0 memories, 1 jobs now belong to anna-2" in run("users", "relink", "anna", "anna-2")
    with Database.open(tmp_path / "data" / "roster.db", ROSTER_SCHEMA) as database:
        moved = JobStore(database).claim("worker", 1)[0]
        assert (moved.id, moved.caller.user) == (begun.id, "anna-2")
        assert [job.id for job in JobStore(database).of_caller(moved.caller)] == [begun.id]
    assert "Nothing is stored" in run("users", "relink", "anna", "anna-2", status=2)
    counts = json.loads(run("users", "purge", "anna-2", "--yes", "--json"))
    assert counts == {"credentials": 1, "keys": 0, "memories": 0, "jobs": 1}
    assert "1 credentials imported" in run("credentials", "import", file, *options)
    audit = [json.loads(line) for line in run("audit", "--json").splitlines()]
    assert [row["action"] for row in audit] == ["set", "export", "relink", "relink", "purge", "import"]
    assert "canary" not in str(audit)
    assert "anna-2" in run("audit", "--user", "anna-2")


def test_a_command_in_the_wrong_folder_makes_nothing(tmp_path: Path) -> None:
    done = run_roster("credentials", "list", environment={"ROSTER_DATA_DIR": str(tmp_path / "typo")})
    assert done.returncode == 2
    assert "There is no deployment" in done.stderr
    assert not (tmp_path / "typo").exists()


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret({"token": "canary-token"})
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}"):
        assert "canary" not in text
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)
