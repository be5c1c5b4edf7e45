"""The ground shakes: a full disk, a locked, read-only or damaged file, PostgreSQL gone; nobody is shut out for it."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from agentroster.db.database import Database
from agentroster.errors import StartRefused, StorageFailed
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.jobs import CARD, SKILL, events, fill
from tests.support.postgres import Postgres, programs
from tests.support.roster_process import RosterProcess, run_roster
from tests.support.stand_ins.hub import HubServer, Repository

# While it holds the file nobody else writes to it.
LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A mount of its own, where this process may make one."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no mount can be made here: it needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def without_room(folder: Path) -> Iterator[None]:
    """Fill a disk to its last byte for a while."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            for size in (65_536, 512, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
            yield
        finally:
            filler.unlink()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process in the middle of a write that does not end."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.kill()


def make_key(database: Path, user: str) -> str:
    with Database.open(database, ROSTER_SCHEMA) as opened:
        return KeyStore(opened).create(user=user)[1]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_roster(*arguments, environment={"ROSTER_DATA_DIR": str(folder)})


# --- one proxy on a small disk


@pytest.fixture(scope="module")
def small_disk(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]
) -> Iterator[tuple[RosterProcess, str]]:
    """A proxy whose data is on a disk of 2 MB, and the key of a person that was never used."""
    folder = tmp_path_factory.mktemp("small")
    with mounted(folder / "data", "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        key = make_key(folder / "data" / "roster.db", "anna")
        proxy = RosterProcess(folder, base_environment).start()
        yield proxy, key
        proxy.stop()


def wait_until_used(proxy: RosterProcess, user: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
            if any(key.user == user and key.last_used_at for key in KeyStore(database).list()):
                return
        threading.Event().wait(0.2)
    raise AssertionError("the use of the key was never written")


def chat(client: httpx.Client, text: str) -> httpx.Response:
    return client.post(
        "/v1/chat/completions", json={"model": "agno/demo-agent", "messages": [{"role": "user", "content": text}]}
    )


@pytest.mark.parametrize("trouble", ["full", "locked"])
def test_nobody_is_shut_out_by_a_full_disk_or_a_locked_file(
    trouble: str, small_disk: tuple[RosterProcess, str], hub: HubServer, library_root: Path
) -> None:
    proxy, _ = small_disk
    user = f"{trouble}-{uuid4().hex[:6]}"
    key = make_key(proxy.data_dir / "roster.db", user)
    hub.repositories["a/ink"] = Repository(CARD)
    folder = library_root / f"ground-{uuid4().hex[:8]}"
    fill(folder, 1)
    shaken = without_room(proxy.data_dir) if trouble == "full" else locked(proxy.data_dir / "roster.db")
    with proxy.http(key) as client:
        with shaken:
            assert client.get("/v1/models").status_code == 200
            assert "#" in chat(client, "/palette teal").text
            assert client.get("/roster/api/jobs").json() == {"data": []}
            refused = client.post(SKILL, json={"targets": [folder.name]})
            assert refused.status_code == 503, refused.text
            error = refused.json()["error"]
            assert (error["code"], error["type"]) == ("storage_unavailable", "api_error")
            assert {"full": "disk is full", "locked": "locked by another program"}[trouble] in error["message"]
            assert str(proxy.data_dir) not in refused.text
            assert client.get("/health/readiness").json()["status"] == "ready"
            said = run_roster("keys", "create", "--user", "x", environment={"ROSTER_DATA_DIR": str(proxy.data_dir)})
            assert said.returncode == 2
            assert said.stderr.count("\n") == 1
            assert "backup" not in said.stderr.replace("(a backup,", "")
            assert {"full": "full", "locked": "locked"}[trouble] in said.stderr
            assert command(proxy.data_dir, "keys", "list").returncode == 0
        done = client.post(SKILL, json={"targets": [folder.name]})
        assert done.status_code == 202, done.text
        assert events(client, done.json()["job_id"])[-1]["event"] == "completed"
    wait_until_used(proxy, user)
    assert "Traceback" not in proxy.log


def test_a_read_only_disk_is_said_to_be_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = make_key(data / "roster.db", "anna")
    assert key
    with mounted(tmp_path / "seen", "--bind", str(data)):
        if subprocess.run(["mount", "-o", "remount,ro,bind", str(tmp_path / "seen")], check=False).returncode:
            pytest.skip("no read-only mount can be made here")
        said = command(tmp_path / "seen", "keys", "create", "--user", "x")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "read-only" in said.stderr.lower()
    assert "backup" not in said.stderr


@pytest.mark.parametrize("part", ["head", "pages"])
def test_only_a_damaged_file_is_to_be_restored(part: str, tmp_path: Path) -> None:
    database = tmp_path / "roster.db"
    for number in range(40):
        make_key(database, f"anna-{number}")
    with sqlite_file(database) as raw:
        if part == "head":
            raw[:100] = b"x" * 100
        else:
            raw[4096:] = b"\xff" * (len(raw) - 4096)
    said = command(tmp_path, "keys", "list")
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "damaged: restore it from a backup" in said.stderr


@contextmanager
def sqlite_file(path: Path) -> Iterator[bytearray]:
    raw = bytearray(path.read_bytes())
    yield raw
    path.write_bytes(raw)


def test_a_file_that_was_replaced_under_a_running_proxy_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "roster.db"
    with Database.open(path, ROSTER_SCHEMA) as database:
        database.ping()
        path.rename(tmp_path / "aside.db")
        with pytest.raises(StorageFailed) as failed:
            database.ping()
        assert failed.value.kind == "missing"


# --- PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here")
    with Postgres.fresh(binaries) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def replicas(
    server: Postgres, tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]
) -> Iterator[tuple[RosterProcess, RosterProcess]]:
    """Two proxies on one database."""
    environment = {**base_environment, "ROSTER_DATABASE_URL": server.url}
    proxies = [RosterProcess(tmp_path_factory.mktemp("replica"), environment).start() for _ in range(2)]
    yield proxies[0], proxies[1]
    for proxy in proxies:
        proxy.stop()


def key_of(server: Postgres, user: str) -> str:
    with Database.open(server.url, ROSTER_SCHEMA) as database:
        return KeyStore(database).create(user=user)[1]


def test_without_postgres_every_door_says_503_and_it_comes_back_by_itself(
    server: Postgres, replicas: tuple[RosterProcess, RosterProcess]
) -> None:
    proxy, key = replicas[0], key_of(server, "anna")
    with proxy.http(key) as client:
        assert "#" in chat(client, "/palette teal").text
        assert client.get("/health/readiness").status_code == 200
        server.stop()
        try:
            for answer in (
                client.get("/v1/models"),
                chat(client, "/palette teal"),
                client.get("/roster/api/jobs"),
                client.post(SKILL, json={"targets": ["everything"]}),
            ):
                assert answer.status_code == 503, answer.text
                assert "comes back by itself" in answer.json()["error"]["message"]
            ready = client.get("/health/readiness")
            assert ready.status_code == 503
            assert ready.json() == {
                "status": "not ready", "databases": {"keys and jobs": "away", "credentials": "away"}
            }  # fmt: skip
            assert client.get("/health/liveliness").status_code == 200
            with proxy.http() as operator:
                assert operator.get("/v1/models").status_code == 200, "the operator's key is in no database"
        finally:
            server.start()
        assert client.get("/health/readiness").json()["status"] == "ready"
        assert "#" in chat(client, "/palette teal").text
        assert client.get("/roster/api/jobs").status_code == 200
    assert "Traceback" not in proxy.log
    assert "127.0.0.1" not in "".join(line for line in proxy.log.splitlines() if "comes back" in line)


def test_a_server_that_only_hangs_is_not_ready_and_keeps_nobody_waiting(
    server: Postgres, replicas: tuple[RosterProcess, RosterProcess]
) -> None:
    with replicas[0].http(key_of(server, "hasty")) as client:
        server.freeze(signal.SIGSTOP)
        try:
            ready = client.get("/health/readiness")
            assert (ready.status_code, set(ready.json()["databases"].values())) == (503, {"slow"})
            assert client.get("/health/liveliness").status_code == 200
            for path in ("/v1/models", "/roster/api/jobs"):
                answer = client.get(path)
                assert answer.status_code == 503
                # Told by our own patience, or by the driver's with a new connection.
                words = answer.json()["error"]["message"]
                assert "took too long" in words or "does not answer" in words
        finally:
            server.freeze(signal.SIGCONT)
        deadline = time.monotonic() + 60
        while client.get("/health/readiness").status_code != 200:
            assert time.monotonic() < deadline
        assert client.get("/v1/models").status_code == 200


def test_a_revoked_key_ends_its_jobs_in_every_replica(
    server: Postgres, replicas: tuple[RosterProcess, RosterProcess], hub: HubServer, library_root: Path
) -> None:
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    folder = library_root / f"ground-{uuid4().hex[:8]}"
    fill(folder, 2, "a/held")
    key = key_of(server, "leaver")
    assert held.hold is not None
    try:
        with replicas[0].http(key) as client:
            jobs = [client.post(SKILL, json={"targets": [folder.name]}).json()["job_id"] for _ in range(12)]
            deadline = time.monotonic() + 60
            # Both work on some of them, and some wait.
            while sum(job["state"] == "running" for job in client.get("/roster/api/jobs").json()["data"]) < 6:
                assert time.monotonic() < deadline
        with Database.open(server.url, ROSTER_SCHEMA) as database:
            keys = KeyStore(database)
            (leaver,) = [found for found in keys.list() if found.user == "leaver"]
            keys.revoke(leaver.id)
        # Another key of the same person sees what came of them.
        with replicas[1].http(key_of(server, "leaver")) as client:
            deadline = time.monotonic() + 60
            while any(job["state"] in {"queued", "running"} for job in client.get("/roster/api/jobs").json()["data"]):
                assert time.monotonic() < deadline
            found = client.get("/roster/api/jobs").json()["data"]
    finally:
        held.hold.set()
    assert {job["id"] for job in found} == set(jobs)
    assert {(job["state"], job["done"]) for job in found} == {("failed", 0)}
    assert all("was revoked" in job["error"] for job in found)


# --- the words of a start


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://roster@127.0.0.1:1/none", "does not answer"),
        ("{server}_none", "missing"),
        ("{server}?foo=1", "ROSTER_DATABASE_URL"),
        ("postgresql://roster@127.0.0.1:port/x", "not a valid address"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_kind(address: str, words: str, server: Postgres) -> None:
    with pytest.raises(StartRefused, match=words) as refused:
        Database.open(address.format(server=server.url), ROSTER_SCHEMA)
    assert "127.0.0.1" not in refused.value.message
