"""Word of a change reaches every process on the same database: SQLite and PostgreSQL, commands and proxies."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import text

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.reload import Reloader
from agentroster.agents.sources import Found, FoundAgent
from agentroster.agents.spec import AgentSpec
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore
from agentroster.jobs.job import Job
from agentroster.jobs.store import JobStore
from agentroster.jobs.worker import JobWorker
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.signals.signals import Signals, Subscription
from agentroster.signals.topics import AGENTS, KEYS, STOPPED_JOBS, job_topic
from agentroster.skills.pipeline import Watch
from agentroster.skills.registry import SkillRegistry
from tests.support.chatting import Person
from tests.support.deployment import new_key
from tests.support.endings import HANG_AFTER, PATHS, Following, body_of, error_of, wait_for
from tests.support.jobs import CARD, begin, done_in, events, fill
from tests.support.postgres import Postgres, programs, serving_postgres
from tests.support.roster_process import RosterProcess, run_roster
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import KEY, ModelServer

pytestmark = pytest.mark.anyio
ANNA = Caller(user="anna", proof="master_key", key_id="master")
AGENT = "agno/demo-agent"


@asynccontextmanager
async def opened(location: Path | str) -> AsyncIterator[tuple[Signals, Database]]:
    """One process's view of a database, which hears what others send."""
    with Database.open(location, ROSTER_SCHEMA) as database:
        signals = Signals(database, location)
        with signals.subscribe("any") as listens:
            signals.start()
            assert await listens.wait(60), "it does not listen"
        yield signals, database
        await signals.aclose()


async def heard(subscription: Subscription) -> None:
    assert await subscription.wait(60), "nothing was heard"


async def test_word_reaches_the_other_process_and_wakes_only_who_waits_for_it(location: Path | str) -> None:
    async with opened(location) as (one, database), opened(location) as (other, _):
        with other.subscribe("a", "b") as wanted, other.subscribe("c") as unwanted, other.subscribe("last") as last:
            one.publish("a")
            await heard(wanted)
            one.publish("b")
            await heard(wanted)
            database.call(lambda connection: connection.execute(text("DELETE FROM api_keys")))
            one.publish("last")
            await heard(last)
            assert not await wanted.wait(0)
            assert not await unwanted.wait(0)


async def test_word_that_comes_while_one_looks_is_not_lost() -> None:
    signals = Signals()
    with signals.subscribe("a") as wanted:
        signals.publish("a")
        await heard(wanted)
        assert not await wanted.wait(0)
        signals.publish("a")
        signals.publish("a")
        await heard(wanted)
        assert not await wanted.wait(0)


async def test_each_job_has_word_of_its_own(location: Path | str) -> None:
    async with opened(location) as (one, _), opened(location) as (other, database):
        with other.subscribe(job_topic("x1")) as wanted:
            for _ in range(3):
                one.publish(job_topic("x1"))
                await heard(wanted)
        if isinstance(location, Path):
            rows = database.call(lambda connection: connection.execute(text("SELECT topic FROM signals")).all())
            assert [row.topic for row in rows] == ["job"], "a row for each job would stay for ever"


async def test_a_command_is_heard_on_sqlite(tmp_path: Path) -> None:
    with Database.open(tmp_path / "roster.db", ROSTER_SCHEMA) as database:
        key = KeyStore(database).create(user="anna")[0]
    async with opened(tmp_path / "roster.db") as (signals, _):
        for command in (["keys", "revoke", key.id], ["users", "purge", "anna", "--yes"]):
            with signals.subscribe(KEYS) as revoked:
                environment = {"ROSTER_DATA_DIR": str(tmp_path), "ROSTER_ENCRYPTION_KEY": new_key_of(tmp_path)}
                done = await asyncio.to_thread(run_roster, *command, environment=environment)
                assert done.returncode == 0, done.stderr
                await heard(revoked)


def new_key_of(folder: Path) -> str:
    path = folder / "ring"
    if not path.exists():
        path.write_text(new_key(), encoding="utf-8")
    return path.read_text(encoding="utf-8")


async def test_looking_for_word_makes_no_file_and_survives_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "roster.db"
    with Database.open(path, ROSTER_SCHEMA) as database:
        signals = Signals(database, path)
        with signals.subscribe("a") as wanted:
            moved = path.rename(tmp_path / "aside.db")
            signals.start()
            assert not await wanted.wait(1)
            assert not path.exists()
            moved.rename(path)
            await heard(wanted)
        await signals.aclose()


async def test_a_lost_server_is_heard_again_by_itself_and_everybody_looks_once() -> None:
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here")
    with Postgres.fresh(binaries) as server:
        async with opened(server.url) as (one, _), opened(server.url) as (other, _):
            with other.subscribe("a") as wanted:
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                await heard(wanted)
                one.publish("a")
                await heard(wanted)


async def test_a_job_that_another_process_stopped_ends_without_waiting_for_its_lease(
    location: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentroster.jobs.worker._RENEW_SECONDS", 3600)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def run(_job: Job, _watch: Watch) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with opened(location) as (one, database), opened(location) as (other, others):
        store = JobStore(database)
        worker = JobWorker(store, run, one)
        worker.start()
        job = store.create(ANNA, "s", {})
        async with asyncio.timeout(60):
            await begun.wait()
            JobStore(others).cancel(ANNA, job.id)
            other.publish(STOPPED_JOBS)
            await ended.wait()
        await worker.aclose()


class Growing:
    """A source that somebody adds to."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def load(self) -> Found:
        return Found(
            agents=[FoundAgent(spec=AgentSpec(name=name), kind="database", origin="database") for name in self.names]
        )

    def is_stale(self) -> bool:
        return False


async def test_word_of_an_agent_makes_it_count_in_another_process(location: Path | str) -> None:
    source = Growing()
    registry, counted = AgentRegistry([source], SkillRegistry({}, {})), asyncio.Event()
    async with opened(location) as (one, _), opened(location) as (other, _):
        reloader = Reloader(registry, one, counted.set)
        reloader.start()
        source.names.append("new")
        other.publish(AGENTS)
        async with asyncio.timeout(60):
            await counted.wait()
        await reloader.aclose()
    assert registry.has("new")
    assert not registry.for_everybody(), "what is made over an API is in nobody else's list"


# --- two real proxies on one PostgreSQL


@pytest.fixture(scope="module")
def shared_postgres() -> Iterator[str]:
    """A server that no other test empties."""
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here")
    with serving_postgres(binaries) as url:
        yield url


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory,
    base_environment: dict[str, str],
    _model_server: tuple[ModelServer, str],
    shared_postgres: str,
) -> Iterator[list[RosterProcess]]:
    environment = {
        **base_environment,
        "ROSTER_DATABASE_URL": shared_postgres,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "stub",
        "LLM_API_BASE": f"{_model_server[1]}/v1",
        "LLM_API_KEY": KEY,
    }
    with ExitStack() as stack:
        started: list[RosterProcess] = []
        for name in ("first", "second"):
            process = RosterProcess(tmp_path_factory.mktemp(name), environment).start()
            stack.callback(process.stop)
            started.append(process)
        yield started


def test_a_job_is_followed_and_stopped_through_the_other_process(
    two: list[RosterProcess], hub: HubServer, library_root: Path
) -> None:
    hold = threading.Event()
    hub.repositories["a/ink"] = Repository(CARD, hold=hold)
    for number, (one, other) in enumerate([two, two[::-1]]):
        folder = library_root / f"two-{number}"
        fill(folder, 2)
        with one.http() as client, other.http() as others:
            job = begin(client, folder.name)
            first = Following(one, f"/roster/api/jobs/{job}/events").begun()
            second = Following(other, f"/roster/api/jobs/{job}/events").begun()
            asked = time.monotonic()
            assert others.post(f"/roster/api/jobs/{job}/cancel").status_code in {200, 202}
            for following in (first, second):
                assert "event: cancelled" in following.ended().text
            # Where no word comes, who follows looks after ten seconds.
            assert time.monotonic() - asked < 8
            assert client.get(f"/roster/api/jobs/{job}").json()["state"] == "cancelled"
    hold.set()
    folder = library_root / "two-whole"
    fill(folder, 3)
    hub.repositories["a/ink"] = Repository(CARD)
    with two[0].http() as client, two[1].http() as others:
        job = begin(client, folder.name)
        assert [one["event"] for one in events(others, job)] == ["started", *["item"] * 3, "completed"]
    assert len(done_in(folder)) == 3


def test_a_key_revoked_elsewhere_ends_its_streams_in_every_process(
    two: list[RosterProcess], model_server: ModelServer, shared_postgres: str
) -> None:
    with closing(Database.open(shared_postgres, ROSTER_SCHEMA)) as database:
        keys = KeyStore(database)
        revoked, staying = keys.create(user="leaving"), keys.create(user="staying")[1]
    body = body_of(PATHS[0], HANG_AFTER, AGENT, stream=True)
    ending = [Following(process, PATHS[0], body, key=revoked[1]).begun() for process in two]
    gated = body_of(PATHS[0], "script: gated a word", AGENT, stream=True)
    going_on = Following(two[1], PATHS[0], gated, key=staying).begun()
    two[0].cli("keys", "revoke", revoked[0].id)
    for stream in ending:
        assert "revoked" in error_of(stream.ended(), PATHS[0])
    model_server.release.set()
    assert "error" not in going_on.ended().text


def test_a_key_revoked_by_a_command_ends_its_stream_on_sqlite(proxy: RosterProcess, model_server: ModelServer) -> None:
    person = Person(proxy, "revoked-by-command")
    body = body_of(PATHS[0], HANG_AFTER, AGENT, stream=True)
    stream = Following(proxy, PATHS[0], body, key=person.key).begun()
    proxy.cli("keys", "revoke", person.key.split("_")[1])
    assert "revoked" in error_of(stream.ended(), PATHS[0])
    wait_for(model_server.cancelled.is_set, "the model call goes on")
