"""`/jobs`: what of a person's is running, in chats that nobody looks at any more and as jobs, and how it is ended."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.activity import OPENWEBUI, text_of
from tests.support.chatting import Person
from tests.support.deployment import OPENWEBUI_KEY
from tests.support.jobs import CARD, begin, done_in, fill
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

AGENT = "agno/enrich-metadata"


@pytest.fixture
def held(hub: HubServer) -> Iterator[Repository]:
    """A repository whose card nobody gets before the end of the test."""
    repository = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    assert repository.hold
    yield repository
    repository.hold.set()


@pytest.fixture
def folder(library_root: Path, hub: HubServer) -> Path:
    """Six models, of which three are never done."""
    hub.repositories["a/free"] = Repository(CARD)
    root = library_root / f"jobs-{uuid4().hex[:6]}"
    fill(root / "free", 3, "a/free")
    fill(root / "held", 3, "a/held")
    return root


def answer_of(proxy: RosterProcess, person: Person, text: str) -> str:
    """Stream an answer to its end, and return its text."""
    body = {"model": AGENT, "messages": [{"role": "user", "content": text}], "stream": True}
    with proxy.http(person.key) as client:
        response = client.post("/v1/chat/completions", json=body, headers=OPENWEBUI, timeout=120)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    found: list[dict[str, Any]] = [json.loads(line) for line in lines[:-1]]
    return text_of(found)


def id_in(listed: str) -> str:
    return listed.split("`")[1]


def test_a_chat_is_shown_to_its_person_and_ended_from_another_one(
    offline_proxy: RosterProcess, held: Repository, folder: Path
) -> None:
    anna, bert = (Person(offline_proxy, f"{name}-{uuid4().hex[:6]}", AGENT) for name in ("anna", "bert"))
    assert anna.say("/jobs") == "Nothing of yours is running.\n"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(answer_of, offline_proxy, anna, f"/enrich {folder.name}")
        assert held.holding.wait(60)
        listed = anna.say("/jobs")
        assert "Enrich metadata, in a chat since" in listed
        assert f"Enriching metadata: {folder.name}" in listed
        name = id_in(listed)
        # Somebody else neither sees nor ends it.
        assert bert.say("/jobs") == "Nothing of yours is running.\n"
        assert "Nothing of yours with the ID" in bert.say(f"/jobs stop {name}")
        assert "Nothing of yours with the ID" in anna.say("/jobs stop 0")
        assert not answer.done()
        assert anna.say(f"/jobs stop {name}") == f"{name} is ended: what was done stays done.\n"
        text = answer.result(60)
    assert "Stopped: 3 of 6 are done, and stay done." in text
    assert "Ended with `/jobs stop`." in text
    assert anna.say("/jobs") == "Nothing of yours is running.\n"
    assert not done_in(folder / "held")
    assert len(done_in(folder / "free")) == 3


def test_a_job_of_the_api_is_shown_and_ended_too(offline_proxy: RosterProcess, held: Repository, folder: Path) -> None:
    anna, bert = (Person(offline_proxy, f"{name}-{uuid4().hex[:6]}", AGENT) for name in ("anna", "bert"))
    with offline_proxy.http(anna.key) as client:
        job = begin(client, folder.name)
        assert held.holding.wait(60)
        listed = anna.say("/jobs")
        assert f"`{job}` enrich-hf-metadata, a job: " in listed
        assert bert.say("/jobs") == "Nothing of yours is running.\n"
        assert "Nothing of yours with the ID" in bert.say(f"/jobs stop {job}")
        assert anna.say(f"/jobs stop {job}") == f"{job} is ended: what was done stays done.\n"
        assert client.get(f"/roster/api/jobs/{job}").json()["state"] == "cancelled"
    assert anna.say("/jobs") == "Nothing of yours is running.\n"


def test_the_command_says_how_it_is_written_and_stands_in_the_help(offline_proxy: RosterProcess) -> None:
    person = Person(offline_proxy, "jobs-help", AGENT)
    assert person.say("/jobs stop") == "Usage: `/jobs [stop ID]`\n"
    assert "| `/jobs [stop ID]` |" in person.say("/help")
    assert "did you mean `/jobs`?" in person.say("/job")


def test_where_others_read_along_and_for_nobody_in_particular_nothing_is_listed(offline_proxy: RosterProcess) -> None:
    body = {"model": AGENT, "messages": [{"role": "user", "content": "/jobs"}]}
    channel = {"X-OpenWebUI-User-Id": "anna", "X-OpenWebUI-Chat-Id": "channel:5d1c"}
    with offline_proxy.http(OPENWEBUI_KEY) as client:
        nobody = client.post("/v1/chat/completions", json=body).text
        overheard = client.post("/v1/chat/completions", json=body, headers=channel).text
    assert "ask with a key of your own" in nobody
    assert "in a chat of your own" in overheard
