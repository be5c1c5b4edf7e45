"""`roster backup` and `roster restore`: taken while others write, put back whole or not at all."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from agentroster.archive.backup import write_backup
from agentroster.archive.restore import restore
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.db.data_folder import in_use
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore
from agentroster.jobs.store import JobStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.deployment import ENCRYPTION_KEY, MASTER_KEY, REPOSITORY
from tests.support.roster_process import RosterProcess, run_roster

SECRET = "ghp_canary_in_a_backup"
RING = KeyRing.parse(ENCRYPTION_KEY)


def fill(data_dir: Path, user: str) -> str:
    """Store a key and a credential of a person, and return the key."""
    with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
        _, secret = KeyStore(database).create(user=user)
    store = CredentialStore.open(data_dir / "credentials.db", RING)
    store.put(Credential(owner=Owner(issuer="roster", subject=user, provider="github")), {"token": SECRET})
    store.close()
    return secret


def owners(data_dir: Path) -> tuple[list[str], list[str]]:
    with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
        keys = sorted(key.user for key in KeyStore(database).list())
    store = CredentialStore.open(data_dir / "credentials.db", RING)
    people = sorted(credential.owner.subject for credential in store.list())
    store.close()
    return keys, people


def refused(*arguments: str, data_dir: Path, key: str = ENCRYPTION_KEY, **environment: str) -> str:
    """Run a command that is refused in one line, and return it."""
    given = {"ROSTER_DATA_DIR": str(data_dir), "ROSTER_ENCRYPTION_KEY": key, "LITELLM_MASTER_KEY": MASTER_KEY}
    done = run_roster(*arguments, environment={**given, **environment})
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("roster: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def rewritten(archive: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Write an archive again, with other contents."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, change(name, source.read(name)))
    return target


def with_manifest(archive: Path, target: Path, **fields: object) -> Path:
    def change(name: str, content: bytes) -> bytes:
        return json.dumps(json.loads(content) | fields).encode() if name == "manifest.json" else content

    return rewritten(archive, target, change)


def test_a_backup_of_a_running_proxy_starts_a_proxy_elsewhere_with_the_same_keys_and_credentials(
    proxy: RosterProcess, tmp_path: Path
) -> None:
    key = proxy.cli("keys", "create", "--user", "backup-anna").strip()
    store = CredentialStore.open(proxy.data_dir / "credentials.db", RING)
    owner = Owner(issuer="roster", subject="backup-anna", provider="github")
    store.put(Credential(owner=owner), {"token": SECRET})
    store.close()
    archive = tmp_path / "roster.backup"

    said = proxy.cli("backup", str(archive))

    assert RING.by_id().keys() >= {said.rsplit("encryption key ", 1)[1].split(",")[0]}
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["roster.backup"]
    with zipfile.ZipFile(archive) as zipped:
        assert sorted(zipped.namelist()) == ["credentials.db", "manifest.json", "roster.db"]
        everything = b"".join(zipped.read(name) for name in zipped.namelist())
    for secret in (ENCRYPTION_KEY, MASTER_KEY, key, SECRET):
        assert secret.encode() not in everything
    assert "never written over" in refused("backup", str(archive), data_dir=proxy.data_dir)
    assert "`roster serve` uses" in refused("restore", str(archive), data_dir=proxy.data_dir)

    environment = {"LITELLM_MASTER_KEY": MASTER_KEY, "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY}
    other = RosterProcess(tmp_path / "other", environment)
    assert "are in place" in other.cli("restore", str(archive))
    other.start()
    try:
        with other.http(key) as client:
            assert client.get("/v1/models").status_code == 200
        with other.http("rst_00000000_" + "A" * 43) as client:
            assert client.get("/v1/models").status_code == 401
        assert "backup-anna" in other.cli("credentials", "list")
    finally:
        other.stop()
    restored = CredentialStore.open(other.data_dir / "credentials.db", RING)
    assert dict(restored.get(owner) or {}) == {"token": SECRET}
    restored.close()


def test_a_backup_taken_while_four_write_opens_and_is_whole(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    fill(data_dir, "anna")
    stop = threading.Event()
    written = [0, 0, 0, 0]

    def write(number: int) -> None:
        with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
            store = CredentialStore.open(data_dir / "credentials.db", RING)
            while not stop.is_set():
                user = f"writer-{number}-{written[number]}"
                KeyStore(database).create(user=user)
                store.put(Credential(owner=Owner(issuer="roster", subject=user, provider="github")), {"token": SECRET})
                written[number] += 1
            store.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            before = sum(written)
            while sum(written) < before + 20:
                assert any(thread.is_alive() for thread in threads)
            write_backup(data_dir, tmp_path / f"{number}.backup")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    counts = []
    for number in range(5):
        folder = tmp_path / f"restored-{number}"
        restore(folder, tmp_path / f"{number}.backup", RING)
        for name in ("roster.db", "credentials.db"):
            with closing(sqlite3.connect(folder / name)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys, people = owners(folder)
        # Each writer makes the key first.
        assert set(people) <= set(keys)
        counts.append(len(keys))
    assert counts == sorted(set(counts))


def test_a_restore_keeps_the_old_files_and_replaces_both_databases(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "then.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    fill(data_dir, "late")

    restore(data_dir, archive, RING)

    assert owners(data_dir) == (["anna"], ["anna"])
    (aside,) = data_dir.glob("roster.db.before-restore-*Z")
    with Database.open(aside, ROSTER_SCHEMA) as database:
        assert sorted(key.user for key in KeyStore(database).list()) == ["anna", "late"]
    assert len(list(data_dir.glob("credentials.db.before-restore-*Z"))) == 1
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in data_dir.iterdir())


def test_what_a_killed_proxy_left_in_its_log_is_in_the_backup_and_never_played_into_a_restored_file(
    tmp_path: Path,
) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "then.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    # A writer that dies: what it wrote is in the log only.
    script = (
        "import os, pathlib; from agentroster.db.database import Database;"
        "from agentroster.roster_schema import ROSTER_SCHEMA;"
        "from agentroster.identity.keys import KeyStore;"
        f"d = Database.open(pathlib.Path({str(data_dir / 'roster.db')!r}), ROSTER_SCHEMA);"
        "KeyStore(d).create(user='in-the-log'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    assert (data_dir / "roster.db-wal").stat().st_size > 0
    assert write_backup(data_dir, tmp_path / "later.backup").databases
    os.link(tmp_path / "later.backup", tmp_path / "same")

    with zipfile.ZipFile(tmp_path / "later.backup") as zipped:
        assert b"in-the-log" in zipped.read("roster.db")
    restore(data_dir, archive, RING)
    assert owners(data_dir) == (["anna"], ["anna"])
    restore(data_dir, tmp_path / "later.backup", RING)
    assert owners(data_dir)[0] == ["anna", "in-the-log"]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_killed_at_any_step_the_old_state_or_the_new_one_is_there_and_never_half_of_each(
    command: str, tmp_path: Path
) -> None:
    fill(tmp_path / "old", "old")
    fill(tmp_path / "new", "new")
    archive = tmp_path / "new.backup"
    write_backup(tmp_path / "new", archive)
    program = [sys.executable, "-m", "tests.support.killed_steps", command, str(tmp_path / "old"), str(archive)]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True, timeout=150)
    results = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(results) > 10
    assert [result["status"] for result in results] == [-signal.SIGKILL] * (len(results) - 1) + [0]
    assert all(result["left"] == [] for result in results)
    seen = {tuple(result["people"]) for result in results}
    if command == "restore":
        assert seen == {("old", "old"), ("new", "new")}
    else:
        assert seen == {("old", "old")}
        assert {result["archive"] for result in results} == {None, True}


def test_what_is_no_whole_backup_changes_nothing(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    good = archive.read_bytes()
    (tmp_path / "cut").write_bytes(good[: len(good) // 2])
    (tmp_path / "text").write_text("not a backup at all", encoding="utf-8")
    (tmp_path / "empty").touch()
    middle = bytearray(good)
    middle[len(good) // 2] ^= 0xFF
    (tmp_path / "flipped").write_bytes(middle)
    other = rewritten(archive, tmp_path / "other", lambda name, old: old if name.endswith("json") else old + b"\0")
    shorter = rewritten(archive, tmp_path / "shorter", lambda name, old: old if name.endswith("json") else old[:-1])
    nonsense = rewritten(archive, tmp_path / "nonsense", lambda name, old: b"[[[" if name.endswith("json") else old)
    twice = tmp_path / "twice"
    twice.write_bytes(good)
    with pytest.warns(UserWarning), zipfile.ZipFile(twice, "a") as zipped:
        zipped.writestr("roster.db", b"another")
    escaping = tmp_path / "escaping"
    escaping.write_bytes(good)
    with zipfile.ZipFile(escaping, "a") as zipped:
        zipped.writestr("../secrets.env", b"LITELLM_MASTER_KEY=mine")
    before = {path.name: path.read_bytes() for path in data_dir.iterdir()}

    broken = [tmp_path / name for name in ("cut", "text", "empty", "flipped", "missing")]
    for path in [*broken, other, shorter, nonsense, twice, escaping, tmp_path]:
        assert "backup" in refused("restore", str(path), data_dir=data_dir) or path.name in {"missing", tmp_path.name}

    assert {path.name: path.read_bytes() for path in data_dir.iterdir()} == before | {"in-use.lock": b""}
    assert not (tmp_path / "secrets.env").exists()


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    with zipfile.ZipFile(archive) as zipped:
        databases = json.loads(zipped.read("manifest.json"))["databases"]
    databases["roster.db"]["schema"] = 9999
    for number, fields in enumerate(({"format": 2, "version": "9.9"}, {"databases": databases, "version": "9.9"})):
        newer = with_manifest(archive, tmp_path / str(number), **fields)
        assert "newer agentroster ('9.9')" in refused("restore", str(newer), data_dir=data_dir)
    assert owners(data_dir) == (["anna"], ["anna"])


def test_a_key_that_the_backup_needs_and_the_ring_lacks_is_named(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    (key_id,) = RING.by_id()
    said = refused("restore", str(archive), data_dir=tmp_path / "other", key=Fernet.generate_key().decode())
    assert f"lacks the key {key_id}" in said
    assert not (tmp_path / "other").exists()

    # On a machine without any key yet it is restored, and says which one is needed.
    done = run_roster("restore", str(archive), environment={"ROSTER_DATA_DIR": str(tmp_path / "fresh")})
    assert done.returncode == 0, done.stderr
    assert f"put the encryption key {key_id} into secrets.env" in done.stdout
    assert "is in use but" in refused_start(tmp_path / "fresh")


def refused_start(data_dir: Path) -> str:
    done = run_roster("serve", "--port", "0", environment={"ROSTER_DATA_DIR": str(data_dir)})
    assert done.returncode == 2
    return done.stderr


def test_what_was_ended_since_does_not_come_back_to_life(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    anna = Caller(user="anna", proof="own_key")
    with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
        job = JobStore(database).create(anna, "some-skill", {})
        revoked_later, _ = KeyStore(database).create(user="bert")
    store = CredentialStore.open(data_dir / "credentials.db", RING)
    store.database.call(
        lambda connection: connection.exec_driver_sql("INSERT INTO tickets VALUES ('d', 'i', 's', 'p', 'n', 0, 9e9)")
    )
    store.close()
    write_backup(data_dir, archive)
    with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
        KeyStore(database).revoke(revoked_later.id)

    said = run_roster(
        "restore", str(archive), environment={"ROSTER_DATA_DIR": str(data_dir), "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY}
    ).stdout

    assert "1 unfinished jobs were ended" in said
    assert f"valid again: {revoked_later.id}" in said
    with Database.open(data_dir / "roster.db", ROSTER_SCHEMA) as database:
        assert JobStore(database).claim("worker", 5) == []
        found = JobStore(database).find(anna, job.id)
        assert found is not None
        assert found.state == "failed"
        assert "start it again" in found.error
        events = JobStore(database).events(job.id, 0)
        assert [event.kind for event in events] == ["failed"]
    with closing(sqlite3.connect(data_dir / "credentials.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM tickets").fetchone() == (0,)


def test_on_postgresql_the_command_line_of_its_own_program_is_given_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://roster:pg-canary-password@db.example:5433/roster?sslmode=require&password=pg-canary-too"
    said = refused("backup", "my file", data_dir=tmp_path, ROSTER_DATABASE_URL=url)
    assert "pg_dump --format=custom" in said
    assert "--file='my file' 'postgresql://roster@db.example:5433/roster?sslmode=require'" in said
    assert "pg_restore" in refused("restore", "my file", data_dir=tmp_path, ROSTER_DATABASE_URL=url)
    assert "canary" not in said


def test_a_backup_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    fill(data_dir, "anna")
    assert "cannot be written" in refused("backup", str(tmp_path / "no" / "folder"), data_dir=data_dir)
    assert "nothing to back up" in refused("backup", str(tmp_path / "file"), data_dir=tmp_path / "typo")
    assert not (tmp_path / "typo").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
    page = (data_dir / "roster.db").read_bytes()
    (data_dir / "roster.db").write_bytes(page[:4096] + b"\xff" * (len(page) - 4096))
    assert "no backup was written" in refused("backup", str(tmp_path / "file"), data_dir=data_dir)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_damaged_database_is_replaced_and_kept(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    (data_dir / "roster.db").write_bytes(b"\xff" * 8192)
    restore(data_dir, archive, RING)
    assert owners(data_dir) == (["anna"], ["anna"])
    (aside,) = data_dir.glob("roster.db.before-restore-*")
    assert aside.read_bytes() == b"\xff" * 8192


def test_nobody_restores_into_a_folder_that_somebody_uses_and_a_dead_user_is_none(tmp_path: Path) -> None:
    data_dir, archive = tmp_path / "data", tmp_path / "good.backup"
    fill(data_dir, "anna")
    write_backup(data_dir, archive)
    with in_use(data_dir), in_use(data_dir):
        assert "stop it first" in refused("restore", str(archive), data_dir=data_dir)
    restore(data_dir, archive, RING)
