"""The process that works on jobs: chats never feel it, it dies and comes back, and ends with its proxy."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from agentroster.db.data_folder import in_use, sole_use
from agentroster.errors import StartRefused
from tests.support.chatting import Person
from tests.support.deployment import PROXY_CONFIG
from tests.support.endings import Following, wait_for
from tests.support.jobs import CARD, begin, done_in, events, fill
from tests.support.roster_process import ROSTER, RosterProcess, clean_environment, run_roster
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import KEY, ModelServer
from tests.support.workers import is_gone, worker_of, workers_of

STARTED_AGAIN = "the process that works on jobs ended (status -9): it is started again"
ODD = "---\ntags: [misty]\n---\n# Foggy\n\n- It sits on the big XL one from Stability\n"


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str], _model_server: tuple[ModelServer, str]
) -> Iterator[RosterProcess]:
    """A proxy whose agents use a model of its own list."""
    folder = tmp_path_factory.mktemp("worker")
    (folder / "proxy_config.yaml").write_text(PROXY_CONFIG.format(base=_model_server[1]), encoding="utf-8")
    model = {"LLM_PROVIDER": "proxy", "LLM_MODEL": "plain-model", "LLM_API_KEY": KEY}
    process = RosterProcess(folder, {**base_environment, **model}).start()
    yield process
    process.stop()


@pytest.fixture
def anna(proxy: RosterProcess) -> Iterator[httpx.Client]:
    with proxy.http(Person(proxy, f"worker-{uuid4().hex[:8]}").key) as client:
        yield client


@pytest.fixture
def folder(library_root: Path) -> Path:
    return library_root / f"worker-{uuid4().hex[:8]}"


def items(found: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["item"] for one in found if one["event"] == "item"]


def holder_of(proxy: RosterProcess, job: str) -> str:
    """Return the name of the worker that works on a job; an empty text until one does."""
    with closing(sqlite3.connect(proxy.data_dir / "roster.db")) as database:
        return str(database.execute("SELECT worker FROM jobs WHERE id = ?", [job]).fetchone()[0])


def held_repository(hub: HubServer) -> tuple[Repository, threading.Event]:
    hold = threading.Event()
    hub.repositories["a/ink"] = Repository(CARD)
    held = hub.repositories["a/held"] = Repository(CARD, hold=hold)
    return held, hold


def test_a_proxy_answers_while_the_process_that_works_on_its_jobs_does_not_move(
    proxy: RosterProcess, anna: httpx.Client, hub: HubServer, folder: Path
) -> None:
    held, hold = held_repository(hub)
    fill(folder / "a", 40)
    fill(folder / "b", 4, "a/held")
    job = begin(anna, f"{folder.name}/a", f"{folder.name}/b")
    worker = worker_of(proxy)
    following = Following(proxy, f"/roster/api/jobs/{job}/events", key=anna.headers["authorization"][7:]).begun()
    assert held.holding.wait(60)
    os.kill(worker, signal.SIGSTOP)
    try:
        hold.set()
        for _ in range(20):
            assert anna.get("/health/liveliness").status_code == 200
            assert anna.get(f"/roster/api/jobs/{job}").json()["state"] == "running"
        assert not done_in(folder / "b")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert following.ended().text.count("event: item") == 44
    assert "event: completed" in following.text
    assert len(done_in(folder / "a")) + len(done_in(folder / "b")) == 44
    assert worker_of(proxy) == worker


def test_a_killed_worker_is_started_again_and_no_item_is_done_twice(
    proxy: RosterProcess, anna: httpx.Client, hub: HubServer, folder: Path
) -> None:
    held, hold = held_repository(hub)
    fill(folder / "a", 20)
    fill(folder / "b", 20, "a/held")
    told = proxy.log.count(STARTED_AGAIN)
    job = begin(anna, f"{folder.name}/a", f"{folder.name}/b")
    first = worker_of(proxy)
    assert held.holding.wait(60)
    wait_for(lambda: anna.get(f"/roster/api/jobs/{job}").json()["done"] >= 15, "nothing is done")
    os.kill(first, signal.SIGKILL)
    hold.set()
    found = events(anna, job)
    assert len(items(found)) == len(set(items(found))) == 40
    assert [one["event"] for one in found if one["event"] != "item"] == ["started", "completed"]
    assert [one["id"] for one in found] == [str(number) for number in range(1, len(found) + 1)]
    assert worker_of(proxy) != first
    assert proxy.log.count(STARTED_AGAIN) == told + 1
    assert anna.get("/health/readiness").status_code == 200


def test_a_job_that_kills_every_worker_is_given_up_after_three_and_others_go_on(
    proxy: RosterProcess, anna: httpx.Client, hub: HubServer, folder: Path
) -> None:
    _, hold = held_repository(hub)
    fill(folder / "a", 3)
    fill(folder / "b", 3, "a/held")
    job = begin(anna, f"{folder.name}/b")
    holders = {""}
    for _ in range(3):
        # A worker that has only begun holds nothing yet.
        wait_for(lambda: holder_of(proxy, job) not in holders, "nobody works on it")
        holders.add(holder_of(proxy, job))
        os.kill(worker_of(proxy), signal.SIGKILL)
    last = events(anna, job)[-1]
    assert (last["event"], last["data"]["done"]) == ("failed", 0)
    assert "ended 3 times while it worked on this" in last["data"]["error"]
    assert f"jobs {job} are given up" in proxy.log
    hold.set()
    assert events(anna, begin(anna, f"{folder.name}/a"))[-1]["event"] == "completed"


def test_what_a_worker_logs_is_marked_as_its_own(proxy: RosterProcess, anna: httpx.Client, tmp_path: Path) -> None:
    assert events(anna, begin(anna, str(tmp_path)))[-1]["data"]["failed"] == 1
    agents = proxy.folder / "agents.toml"
    agents.write_text('[agents.late]\ntitle = "Late"\ninstructions = "Be late."\n', encoding="utf-8")
    try:
        wait_for(lambda: "INFO [worker] agentroster.agents.reload: agents changed" in proxy.log, "nothing is marked")
    finally:
        agents.unlink()


def test_a_job_asks_a_model_of_the_proxys_own_list(
    proxy: RosterProcess, anna: httpx.Client, hub: HubServer, folder: Path, model_server: ModelServer
) -> None:
    hub.repositories["a/odd"] = Repository(ODD)
    fill(folder, 1, "a/odd")
    found = events(anna, begin(anna, folder.name))
    assert found[-1]["data"].items() >= {"total": 1, "done": 1, "changed": 1, "failed": 0}.items(), found
    assert any("Foggy" in str(request) for request in model_server.requests), "the model was not asked"


def test_nobody_else_asks_models_where_the_worker_does(proxy: RosterProcess, model_server: ModelServer) -> None:
    body = {"model": "plain-model", "messages": [{"role": "user", "content": "hi"}]}
    for key in (proxy.master_key, Person(proxy, "curious").key, "wrong"):
        headers = {"authorization": f"Bearer {key}"}
        path = f"{proxy.url}/roster/api/worker/chat/completions"
        assert httpx.post(path, json=body, headers=headers, trust_env=False).status_code == 404
    assert not model_server.requests


# --- its end


@pytest.mark.parametrize("way", ["kill", "terminal"])
def test_a_worker_ends_with_its_proxy_and_gives_its_jobs_back(
    way: str, base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    held, hold = held_repository(hub)
    library = tmp_path / "models"
    fill(library, 4, "a/held")
    proxy = RosterProcess(tmp_path / "run", {**base_environment, "ROSTER_LIBRARY": str(library)}, own_group=True)
    proxy.start()
    assert proxy.process is not None
    assert not workers_of(proxy.process.pid), "nobody has begun a job yet"
    with proxy.http(Person(proxy, "anna").key) as client:
        job = begin(client, str(library))
        worker = worker_of(proxy)
        assert held.holding.wait(60)
    if way == "kill":
        proxy.process.kill()
        proxy.process.wait(20)
    else:
        os.killpg(proxy.process.pid, signal.SIGINT)
        assert proxy.process.wait(30) == 0
        assert is_gone(worker), "the proxy did not wait for it"
    wait_for(lambda: is_gone(worker), "the worker lives on")
    hold.set()
    assert "Traceback" not in proxy.log
    proxy.start()
    try:
        with proxy.http(Person(proxy, "anna").key) as client:
            assert events(client, job)[-1]["event"] == "completed"
    finally:
        proxy.stop()


# --- one that the operator starts


def test_a_worker_of_its_own_works_for_a_proxy_that_has_none(
    base_environment: dict[str, str], hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["a/ink"] = Repository(CARD)
    library = tmp_path / "models"
    fill(library, 3)
    environment = {**base_environment, "ROSTER_LIBRARY": str(library)}
    proxy = RosterProcess(tmp_path / "run", environment, ["--no-worker"]).start()
    assert proxy.process is not None
    command = [ROSTER, "worker", "--data-dir", str(proxy.data_dir)]
    try:
        with proxy.http(Person(proxy, "anna").key) as client:
            job = begin(client, str(library))
            assert not workers_of(proxy.process.pid)
            assert client.get(f"/roster/api/jobs/{job}").json()["state"] == "queued"
            with subprocess.Popen(
                command, env=clean_environment(**environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as worker:
                found = events(client, job)
                proxy.cli("backup", str(tmp_path / "archive"))
                with_data = {**environment, "ROSTER_DATA_DIR": str(proxy.data_dir)}
                refused = run_roster("restore", str(tmp_path / "archive"), environment=with_data).stderr
                worker.send_signal(signal.SIGINT)
                out, error = worker.communicate(timeout=60)
        assert [one["event"] for one in found] == ["started", *["item"] * 3, "completed"]
        assert worker.returncode == 0
        assert "roster worker is ready" in out
        assert "roster worker stopped" in out
        assert "Traceback" not in error
        assert "`roster serve` and `roster worker` use" in refused
        assert not workers_of(proxy.process.pid)
    finally:
        proxy.stop()


def test_who_is_refused_a_folder_reads_who_uses_it(tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(StartRefused) as refused, sole_use(tmp_path):
            pass
        return refused.value.message.partition(" use")[0]

    with in_use(tmp_path):
        assert refusal() == "A command"
        with in_use(tmp_path, "worker"):
            assert refusal() == "`roster worker`"
            with in_use(tmp_path, "serve"), in_use(tmp_path, "serve"):
                assert refusal() == "`roster serve` and `roster worker`"
        assert refusal() == "A command"
    with sole_use(tmp_path):
        pass
