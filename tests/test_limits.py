"""What jobs and chats share: the requests to one host, the questions to one model server; and the process itself."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.activity import OPENWEBUI
from tests.support.chatting import Person
from tests.support.jobs import CARD, begin, events, fill
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.at_once import AtOnce
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/enrich-metadata"
HOST_REQUESTS, MODEL_QUESTIONS = 8, 4
# Nothing in it says which base model or which words.
SILENT = "# Foggy\n\n- on hills\n- in valleys\n"


@pytest.fixture
def folder(library_root: Path) -> Path:
    return library_root / f"limits-{uuid4().hex[:8]}"


def ask(proxy: RosterProcess, text: str, agent: str = AGENT) -> str:
    return Person(proxy, "limits", agent).say(text)


@contextmanager
def two_jobs_and_a_chat(proxy: RosterProcess, folder: Path, release: threading.Event) -> Iterator[Callable[[], None]]:
    """Work on three folders at once, and yield what waits for all of it to end."""
    with proxy.http(Person(proxy, "limits").key) as client, ThreadPoolExecutor() as threads:
        try:
            jobs = [begin(client, f"{folder.name}/{name}") for name in "ab"]
            chat = threads.submit(ask, proxy, f"/enrich {folder.name}/c")

            def finish() -> None:
                release.set()
                for job in jobs:
                    assert events(client, job)[-1]["data"]["changed"] == 4
                assert "4 changed" in chat.result(60)

            yield finish
        finally:
            release.set()


def most_held(proxy: RosterProcess, at_once: AtOnce, wanted: int, finish: Callable[[], None]) -> int:
    """Let the proxy ask for as much as it likes, and return how much was held at the same time."""
    assert at_once.reached(wanted)
    for _ in range(5):
        # Each answer comes after everything that the proxy had begun.
        assert "#" in ask(proxy, "/palette blue", "agno/demo-agent")
    finish()
    return at_once.most


def test_one_host_gets_no_more_requests_at_once_than_permitted(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    release = threading.Event()
    for name in "abc":
        fill(folder / name, 4)
        for number, sidecar in enumerate(sorted((folder / name).glob("*.json"))):
            # A repository each: a card is fetched once in a run.
            sidecar.write_text(json.dumps({"hf_url": f"https://huggingface.co/{name}/r{number}"}), encoding="utf-8")
            hub.repositories[f"{name}/r{number}"] = Repository(CARD, hold=release)
    with two_jobs_and_a_chat(offline_proxy, folder, release) as finish:
        assert most_held(offline_proxy, hub.at_once, HOST_REQUESTS, finish) == HOST_REQUESTS


def test_one_model_server_gets_no_more_questions_at_once_than_permitted(
    proxy: RosterProcess, model_server: ModelServer, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/silent"] = Repository(SILENT)
    for name in "abc":
        fill(folder / name, 4, "a/silent")
    model_server.hold = threading.Event()
    with two_jobs_and_a_chat(proxy, folder, model_server.hold) as finish:
        assert most_held(proxy, model_server.at_once, MODEL_QUESTIONS, finish) == MODEL_QUESTIONS
    assert len(model_server.requests) > MODEL_QUESTIONS


def test_a_long_chat_shows_how_far_it_is_and_holds_nobody_up(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    hub.repositories["a/ink"] = Repository(CARD)
    fill(folder / "a", 1, "a/held")
    fill(folder / "b", 299)
    assert held.hold is not None
    body = {"model": AGENT, "messages": [{"role": "user", "content": f"enrich {folder.name}/"}], "stream": True}
    with offline_proxy.http(Person(offline_proxy, "long").key) as client:
        try:
            with client.stream("POST", "/v1/chat/completions", json=body, headers=OPENWEBUI) as stream:
                lines = stream.iter_lines()
                assert held.holding.wait(20)
                assert httpx.get(f"{offline_proxy.url}/health/liveliness", trust_env=False).status_code == 200
                assert "#" in ask(offline_proxy, "/palette blue", "agno/demo-agent")
                # Counts come every twentieth part: the last of them before the one that waits.
                next(line for line in lines if re.search(r"\((?:28[5-9]|29\d) of 300\)", line))
                held.hold.set()
                text = "".join(lines)
        finally:
            held.hold.set()
    assert text.count(f"{folder.name}/a/m0000") == 1
    assert "300 in all: 300 changed" in text
