"""Jobs on a database that fails: at each write in turn, and under a worker that was thought dead."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agentroster.credentials.audit import Act
from agentroster.credentials.credential import Owner
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.db.database import Database
from agentroster.errors import QueueFull
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore, purge_keys
from agentroster.jobs.job import Counts, Job, JobEvent
from agentroster.jobs.store import JobStore, Progress
from agentroster.jobs.worker import JobWorker
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.signals.signals import Signals
from agentroster.signals.topics import job_topic
from agentroster.skills.pipeline import ItemReport, Watch
from tests.support.deployment import new_key
from tests.support.failing_sqlite import Faults, Way, failing

ANNA = Caller(user="anna", proof="master_key", key_id="master")
ITEMS = 6


@pytest.fixture
def store(location: Path | str) -> Iterator[JobStore]:
    with Database.open(location, ROSTER_SCHEMA) as database:
        yield JobStore(database)


def state(store: JobStore, job: Job) -> tuple[Any, ...]:
    found = store.find(job.caller, job.id)
    assert found is not None
    return found.state, found.counts, found.error


def sql(store: JobStore, statement: str, **values: object) -> None:
    store.database.call(lambda connection: connection.execute(text(statement), values))


async def work_on(store: JobStore, job: Job) -> None:
    """Let a worker do a job of some items, which waits for word of each write before it goes on."""

    async def run(job: Job, watch: Watch) -> None:
        await watch.selected(ITEMS)
        for number in range(ITEMS):
            if not watch.is_done(f"m{number}"):
                await watch.finished(ItemReport(item=f"m{number}", updated={"base_model": "x"}))
                await changed.wait(1.0)

    signals = Signals()
    worker = JobWorker(store, run, signals)
    worker.start()
    with signals.subscribe(job_topic(job.id)) as changed, signals.subscribe(job_topic(job.id)) as perhaps_ended:
        async with asyncio.timeout(60):
            while not store.has_ended_by(job.id, 10**6):
                await perhaps_ended.wait(0.2)
        await worker.aclose()


def done_with(path: Path, faults: Faults) -> tuple[Any, ...]:
    """Do a whole job on a fresh database with these faults and return what is stored of it."""
    with Database.open(path, ROSTER_SCHEMA) as fresh:
        job = JobStore(fresh).create(ANNA, "s", {})
    with failing(faults), Database.open(path, ROSTER_SCHEMA) as database:
        store = JobStore(database)
        asyncio.run(work_on(store, job))
        return state(store, job), [(one.number, one.kind, one.data.get("item")) for one in store.events(job.id, 0)]


@pytest.mark.parametrize("way", ["before", "commit", "after commit"])
def test_whichever_write_of_a_job_fails_it_ends_with_every_item_once(way: Way, tmp_path: Path) -> None:
    clean = Faults(way=way)
    expected = done_with(tmp_path / "clean.db", clean)
    assert expected == (
        ("completed", Counts(total=ITEMS, done=ITEMS, changed=ITEMS), ""),
        [(1, "started", None), *((n + 2, "item", f"m{n}") for n in range(ITEMS)), (ITEMS + 2, "completed", None)],
    )
    assert clean.seen >= ITEMS
    for number in range(1, clean.seen + 1):
        faults = Faults(frozenset({number}), way)
        assert done_with(tmp_path / f"{number}.db", faults) == expected, (way, number)
        assert faults.seen >= number
    # The last one again and again: the end of a job is insisted on.
    assert done_with(tmp_path / "end.db", Faults(frozenset(range(clean.seen, clean.seen + 3)), way)) == expected


def test_only_the_jobs_that_are_named_are_kept(store: JobStore) -> None:
    jobs = [store.create(ANNA, "s", {}) for _ in range(2)]
    assert {job.id for job in store.claim("w", 2)} == {job.id for job in jobs}
    sql(store, "UPDATE jobs SET lease_until = 1")
    assert store.renew("w", [jobs[0].id]).jobs == {jobs[0].id}
    assert [job.id for job in store.claim("other", 2)] == [jobs[1].id]
    assert store.renew("w", [job.id for job in jobs]).jobs == {jobs[0].id}


def test_a_worker_whose_job_was_taken_over_writes_nothing(store: JobStore) -> None:
    job = store.create(ANNA, "s", {})
    store.claim("stalled", 1)
    sql(store, "UPDATE jobs SET lease_until = 1")
    store.claim("other", 1)
    item = JobEvent(number=0, kind="item", data={"item": "a"})
    assert not store.append(job.id, "stalled", Progress([item], 0, Counts(total=9, done=9)))
    assert not store.append(job.id, "stalled", Progress([], 0, Counts(), "completed"))
    assert store.append(job.id, "other", Progress([item], 0, Counts(total=1, done=1)))
    assert store.append(job.id, "other", Progress([item], 0, Counts(total=1, done=1))), "once more is not twice"
    assert [event.number for event in store.events(job.id, 0)] == [1]
    assert state(store, job) == ("running", Counts(total=1, done=1), "")


def test_an_item_whose_name_is_no_text_is_recorded(store: JobStore) -> None:
    job = store.create(ANNA, "s", {})
    store.claim("w", 1)
    item = JobEvent(number=0, kind="item", data={"item": "caf\udce9\0"})
    assert store.append(job.id, "w", Progress([item], 0, Counts(total=1, done=1)))
    assert len(store.recorded(job.id).items) == 1


# --- keys that end


def begin_with_key(store: JobStore, user: str = "anna", *, forwarder: bool = False) -> tuple[Job, str]:
    key, _ = KeyStore(store.database).create(user=user, forwarder=forwarder)
    caller = Caller(user=user, proof="forwarder" if forwarder else "own_key", key_id=key.id)
    return store.create(caller, "s", {}), key.id


@pytest.mark.parametrize("forwarder", [False, True])
def test_queued_jobs_of_a_key_that_is_gone_end_with_the_reason(store: JobStore, forwarder: bool) -> None:
    keys = KeyStore(store.database)
    (revoked, revoked_key), (expired, expired_key), (deleted, deleted_key), (good, _) = (
        begin_with_key(store, forwarder=forwarder) for _ in range(4)
    )
    keys.revoke(revoked_key)
    sql(store, "UPDATE api_keys SET expires_at = :now WHERE id = :id", now=time.time() - 1, id=expired_key)
    sql(store, "DELETE FROM api_keys WHERE id = :id", id=deleted_key)
    settings = store.create(Caller(user="u", proof="signed_token", key_id="openwebui"), "s", {})
    assert {job.id for job in store.claim("w", 9)} == {good.id, settings.id}
    for job, word in ((revoked, "revoked"), (expired, "expired"), (deleted, "deleted")):
        shown, _, error = state(store, job)
        assert (shown, word in error) == ("failed", True)
        (event,) = store.events(job.id, 0)
        assert (event.kind, event.data["error"]) == ("failed", error)


def test_a_running_job_of_a_revoked_key_is_told_to_end_at_the_next_renewal(store: JobStore) -> None:
    (job, key), (other, _) = begin_with_key(store), begin_with_key(store)
    store.claim("w", 2)
    KeyStore(store.database).revoke(key)
    kept = store.renew("w", [job.id, other.id])
    assert kept.jobs == {other.id}
    assert list(kept.ended) == [job.id]
    assert "revoked" in kept.ended[job.id]


def test_a_job_of_a_dead_worker_is_not_begun_again_with_a_revoked_key(store: JobStore) -> None:
    job, key = begin_with_key(store)
    store.claim("dead", 1)
    sql(store, "UPDATE jobs SET lease_until = 1")
    KeyStore(store.database).revoke(key)
    assert store.claim("w", 1) == []
    assert state(store, job)[0] == "failed"


def test_a_running_job_stops_when_its_person_is_purged(store: JobStore) -> None:
    job, _ = begin_with_key(store)
    store.claim("w", 1)
    store.database.call(purge_keys, "roster", "anna")
    store.purge("roster", "anna")
    assert store.renew("w", [job.id]).jobs == frozenset()
    assert not store.append(job.id, "w", Progress([], 0, Counts(), "completed"))


# --- cancelled while a worker has it


def test_a_worker_records_what_is_done_before_a_cancelled_job_ends(store: JobStore) -> None:
    job = store.create(ANNA, "s", {})
    assert not store.ask_to_cancel(ANNA, job.id), "nobody works on it"
    store.claim("w", 1)
    assert store.ask_to_cancel(ANNA, job.id)
    assert state(store, job)[0] == "running"
    kept = store.renew("w", [job.id])
    assert (kept.jobs, kept.cancelled) == (frozenset(), {job.id})
    item = JobEvent(number=0, kind="item", data={"item": "a"})
    assert store.append(job.id, "w", Progress([item], 0, Counts(total=2, done=1)))
    assert store.renew("w", [job.id]).cancelled == {job.id}, "progress must not undo it"
    ended = JobEvent(number=0, kind="cancelled", data={"done": 1})
    assert store.append(job.id, "w", Progress([ended], 1, Counts(total=2, done=1), "cancelled"))
    assert state(store, job) == ("cancelled", Counts(total=2, done=1), "")
    assert not store.cancel(ANNA, job.id)


@pytest.mark.parametrize("end", ["its lease runs out", "it gives its jobs back"])
def test_a_cancelled_job_ends_also_when_its_worker_does(end: str, store: JobStore) -> None:
    job = store.create(ANNA, "s", {})
    store.claim("w", 1)
    assert store.ask_to_cancel(ANNA, job.id)
    assert not store.is_waiting()
    if end == "it gives its jobs back":
        store.release("w")
    else:
        sql(store, "UPDATE jobs SET lease_until = 1")
        assert store.is_waiting()
        assert store.claim("other", 1) == []
    assert state(store, job)[0] == "cancelled"
    assert [event.kind for event in store.events(job.id, 0)] == ["cancelled"]


# --- turns


def test_persons_take_turns_and_nobody_has_every_place(store: JobStore) -> None:
    people = [Caller(user=name, proof="master_key", key_id="master") for name in ("anna", "bert", "clara")]
    for person, count in zip(people, (40, 3, 2), strict=True):
        for _ in range(count):
            store.create(person, "s", {})
    assert [job.caller.user for job in store.claim("w", 4, 3)] == ["anna", "bert", "clara", "anna"]
    served = []
    for _ in range(6):
        sql(store, "UPDATE jobs SET state = 'completed', ended_at = 1 WHERE state = 'running'")
        served += [job.caller.user for job in store.claim("w", 1, 3)]
    assert served == ["bert", "clara", "anna", "bert", "anna", "anna"]
    sql(store, "UPDATE jobs SET state = 'completed', ended_at = 1 WHERE state = 'running'")
    assert len(store.claim("w", 4, 3)) == 3
    store.create(people[1], "s", {})
    assert [job.caller.user for job in store.claim("w", 1, 3)] == ["bert"]


def test_a_person_may_queue_so_many_jobs_and_no_more(store: JobStore) -> None:
    bert = Caller(user="bert", proof="master_key", key_id="master")
    for _ in range(2):
        store.create(ANNA, "s", {}, 2)
    with pytest.raises(QueueFull, match="2 of your jobs wait already"):
        store.create(ANNA, "s", {}, 2)
    store.create(bert, "s", {}, 2)
    store.claim("w", 1)
    store.create(ANNA, "s", {}, 2)


# --- what is old


def test_a_number_beyond_every_event_finds_none(store: JobStore) -> None:
    job = store.create(ANNA, "s", {})
    assert store.cancel(ANNA, job.id)
    assert [event.number for event in store.events(job.id, 0)] == [1]
    assert store.events(job.id, 10**11) == []


def test_old_jobs_go_with_their_events_and_nothing_that_runs_or_waits(store: JobStore) -> None:
    jobs = [store.create(ANNA, "s", {}) for _ in range(4)]
    store.claim("w", 3)
    item = JobEvent(number=0, kind="item", data={"item": "a"})
    for job in jobs[:2]:
        assert store.append(job.id, "w", Progress([item], 0, Counts(), "completed"))
    sql(store, "UPDATE jobs SET created_at = 1, started_at = 1")
    sql(store, "UPDATE jobs SET ended_at = 1 WHERE id = :id", id=jobs[0].id)
    assert [store.drop_before(time.time() - 60, 100) for _ in range(2)] == [1, 0]
    assert {job.id for job in store.of_caller(ANNA)} == {job.id for job in jobs[1:]}
    assert store.events(jobs[0].id, 0) == []
    assert len(store.events(jobs[1].id, 0)) == 1


def test_old_entries_of_the_audit_record_go_and_it_still_only_grows(location: Path | str) -> None:
    with CredentialStore.open(location, KeyRing.parse(new_key())).database as database:
        store = CredentialStore(database, None)  # pyright: ignore[reportArgumentType] - nothing is encrypted here
        owner = Owner(issuer="roster", subject="anna", provider="jira")
        for _ in range(5):
            store.audit.write(owner, Act(action="use", actor="user"))
        assert store.audit.drop_before(time.time() - 60, 100) == 0
        assert [store.audit.drop_before(time.time() + 1, 2) for _ in range(3)] == [2, 2, 1]
        store.audit.write(owner, Act(action="set", actor="user"))
        for statement in ("UPDATE audit SET outcome = 'x'", "DELETE FROM audit"):
            with pytest.raises(Exception, match="append-only"):
                database.call(lambda connection, one=statement: connection.exec_driver_sql(one))
        assert [entry.act.action for entry in store.audit.read()] == ["set"]
