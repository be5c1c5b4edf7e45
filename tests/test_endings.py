"""Each answer has an end its client understands: after a stop of the process, a revoked key, without a reader."""

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from agentroster.db.database import Database
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.chatting import Person
from tests.support.deployment import PROXY_CONFIG
from tests.support.endings import HANG_AFTER, PATHS, Following, body_of, error_of, wait_for
from tests.support.jobs import CARD, begin, fill
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

BOTH_LANES = True

AGENT, DIRECT = "agno/demo-agent", "plain-model"
HANG = "script: hang"


@pytest.fixture(scope="module")
def proxy(
    proxy_environment: dict[str, str],
    _model_server: tuple[ModelServer, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RosterProcess]:
    """A proxy whose model may be silent for long."""
    folder = tmp_path_factory.mktemp("patient")
    (folder / "proxy_config.yaml").write_text(PROXY_CONFIG.format(base=_model_server[1]), encoding="utf-8")
    process = RosterProcess(folder, {**proxy_environment, "LLM_TIMEOUT_SECONDS": "60"}).start()
    yield process
    process.stop()


@pytest.fixture
def stopping(
    proxy_environment: dict[str, str], _model_server: tuple[ModelServer, str], tmp_path: Path
) -> Iterator[RosterProcess]:
    """A proxy of its own, with a short grace."""
    (tmp_path / "proxy_config.yaml").write_text(PROXY_CONFIG.format(base=_model_server[1]), encoding="utf-8")
    environment = {**proxy_environment, "ROSTER_GRACE_SECONDS": "4", "LLM_TIMEOUT_SECONDS": "60"}
    process = RosterProcess(tmp_path, environment | {"ROSTER_LIBRARY": str(tmp_path)}).start()
    yield process
    if process.process and process.process.poll() is None:
        process.stop(signal.SIGKILL)


def test_a_stopping_proxy_refuses_what_is_new_and_ends_what_is_open_in_words(
    stopping: RosterProcess, model_server: ModelServer, hub: HubServer, tmp_path: Path
) -> None:
    held = hub.repositories["a/held"] = Repository(CARD, hold=threading.Event())
    fill(tmp_path / "b", 1, "a/held")
    anna = Person(stopping, "anna")
    streams = {
        (path, model): Following(stopping, path, body_of(path, HANG_AFTER, model, stream=True))
        for path, model in [*((path, AGENT) for path in PATHS), (PATHS[0], DIRECT)]
    }
    wholes = [
        Following(stopping, path, body_of(path, HANG, model, stream=False))
        for path, model in [*((path, AGENT) for path in PATHS), (PATHS[0], DIRECT)]
    ]
    with stopping.http(anna.key) as client:
        job = begin(client, "b")
        events = Following(stopping, f"/roster/api/jobs/{job}/events", key=anna.key).begun()
        assert held.holding.wait(20)
        for stream in streams.values():
            stream.begun()
        wait_for(lambda: len(model_server.requests) == 8, "not all requests have reached the model")

        # One that ends in time is answered as ever.
        patient = Following(stopping, PATHS[0], body_of(PATHS[0], "script: gated in time", AGENT, stream=True)).begun()
        assert stopping.process
        stopping.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.get("/health/readiness").status_code == 503, "readiness does not tell")
        assert client.get("/health/liveliness").status_code == 200
        refused = client.post(PATHS[0], json=body_of(PATHS[0], "hi", AGENT, stream=False))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
        assert int(refused.headers["retry-after"]) > 0
        model_server.release.set()
        assert patient.ended().data[-1] == "[DONE]"
        assert "in time" in "".join(
            choice["delta"].get("content") or ""
            for frame in patient.data[:-1]
            for choice in json.loads(frame)["choices"]
        )

    assert "event: stopping\n" in events.ended().text
    for (path, model), stream in streams.items():
        assert stream.status == 200
        assert "stopping" in error_of(stream.ended(), path), (path, model)
    for whole in wholes:
        assert whole.ended().status == 503, whole.text
        assert "stopping" in json.loads(whole.text)["error"]["message"]
        assert int(whole.headers["retry-after"]) > 0
    assert stopping.process.wait(20) == 0
    assert "Traceback" not in stopping.log
    with Database.open(stopping.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        row = "SELECT state, lease_until FROM jobs"
        found = database.call(lambda connection: tuple(connection.exec_driver_sql(row).one()))
    assert found == ("running", 0), "the job was not given back"
    held.hold.set() if held.hold else None


def test_a_proxy_with_nothing_to_do_stops_at_once_and_a_hangup_never_stops_it(
    stopping: RosterProcess, model_server: ModelServer
) -> None:
    assert stopping.process
    stream = Following(stopping, PATHS[0], body_of(PATHS[0], "script: gated some words", AGENT, stream=True)).begun()
    for _ in range(3):
        stopping.process.send_signal(signal.SIGHUP)
    stopping.wait_for("SIGHUP: nothing changed")
    model_server.release.set()
    assert stream.ended().data[-1] == "[DONE]"
    assert httpx.get(f"{stopping.url}/health/readiness", trust_env=False).status_code == 200
    assert stopping.stop(signal.SIGTERM) == 0


def test_ctrl_c_twice_ends_at_once(stopping: RosterProcess, model_server: ModelServer) -> None:
    assert stopping.process
    Following(stopping, PATHS[0], body_of(PATHS[0], HANG_AFTER, AGENT, stream=True)).begun()
    stopping.process.send_signal(signal.SIGINT)
    wait_for(
        lambda: httpx.get(f"{stopping.url}/health/readiness", trust_env=False).status_code == 503,
        "the first one is not taken",
    )
    begun = time.monotonic()
    stopping.process.send_signal(signal.SIGINT)
    stopping.process.wait(20)
    assert time.monotonic() - begun < 3, "it waited for the grace"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "model"), [*((path, AGENT) for path in PATHS), (PATHS[0], DIRECT)])
def test_what_a_revoked_key_began_ends(
    proxy: RosterProcess, model_server: ModelServer, path: str, stream: bool, model: str
) -> None:
    person = Person(proxy, f"revoked-{model[:5]}-{stream}-{path[4:8]}".replace("/", ""))
    text = HANG_AFTER if stream else HANG
    open_one = Following(proxy, path, body_of(path, text, model, stream=stream), key=person.key)
    wait_for(lambda: len(model_server.requests) == 1, "the request does not reach the model")
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        keys = KeyStore(database)
        keys.revoke(next(key.id for key in keys.list() if key.user == person.name))
    open_one.ended()
    if stream and open_one.status == 200:
        assert "revoked" in error_of(open_one, path)
    else:
        assert open_one.status == 401, open_one.text
        assert "revoked" in json.loads(open_one.text)["error"]["message"]
    assert model_server.cancelled.wait(5), "the model call went on"


def test_a_purged_person_and_an_expired_key_end_open_streams_too(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    purged = Person(proxy, "purged-while-open")
    first = Following(proxy, PATHS[0], body_of(PATHS[0], HANG_AFTER, AGENT, stream=True), key=purged.key).begun()
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        key = KeyStore(database).create(user="expires-while-open", expires_at=time.time() + 3)[1]
    second = Following(proxy, PATHS[0], body_of(PATHS[0], HANG_AFTER, AGENT, stream=True), key=key).begun()
    proxy.cli("users", "purge", purged.name, "--yes")
    for stream in (first, second):
        assert "expired" in error_of(stream.ended(), PATHS[0])


def test_other_peoples_streams_go_on(proxy: RosterProcess, model_server: ModelServer) -> None:
    staying, leaving = Person(proxy, "staying"), Person(proxy, "leaving")
    goes_on = Following(
        proxy, PATHS[0], body_of(PATHS[0], "script: gated a word", AGENT, stream=True), key=staying.key
    ).begun()
    ends = Following(proxy, PATHS[0], body_of(PATHS[0], HANG_AFTER, AGENT, stream=True), key=leaving.key).begun()
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        keys = KeyStore(database)
        keys.revoke(next(key.id for key in keys.list() if key.user == "leaving"))
    ends.ended()
    model_server.release.set()
    assert "error" not in goes_on.ended().text


def test_the_official_client_raises_the_error_of_an_ended_stream(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    person = Person(proxy, "with-sdk")
    messages: Any = [{"role": "user", "content": HANG_AFTER}]
    answer = proxy.openai(person.key).chat.completions.create(model=AGENT, messages=messages, stream=True)
    next(iter(answer))
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        keys = KeyStore(database)
        keys.revoke(next(key.id for key in keys.list() if key.user == "with-sdk"))
    with pytest.raises(openai.APIError, match="revoked"):
        list(answer)


@pytest.mark.parametrize("script", ["break some words", "event-error"])
def test_an_error_in_the_middle_of_a_stream_is_followed_by_done(
    proxy: RosterProcess, model_server: ModelServer, script: str
) -> None:
    stream = Following(proxy, PATHS[0], body_of(PATHS[0], f"script: {script}", AGENT, stream=True)).ended()
    assert "some" in stream.text
    assert error_of(stream, PATHS[0])
    messages: Any = [{"role": "user", "content": f"script: {script}"}]
    with pytest.raises(openai.APIError):
        list(proxy.openai().chat.completions.create(model=AGENT, messages=messages, stream=True))


def memory_of(process: RosterProcess) -> float:
    """Resident memory, in megabytes."""
    assert process.process
    text = Path(f"/proc/{process.process.pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_does_not_read_stops_the_reading_of_the_model(
    proxy: RosterProcess, model_server: ModelServer, path: str
) -> None:
    parts = urlsplit(proxy.url)
    body = json.dumps(body_of(path, "script: endless", AGENT, stream=True)).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {proxy.master_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    before = memory_of(proxy)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.sendall(head.encode() + body)
        assert model_server.hanging.wait(20)
        settled = [-1, model_server.written]
        while settled[-1] != settled[-2]:
            assert model_server.written < 200_000_000, "the model is read on and on"
            threading.Event().wait(1.5)
            settled.append(model_server.written)
        assert memory_of(proxy) - before < 60
        assert not model_server.cancelled.is_set()
    assert model_server.cancelled.wait(20), "the model call outlived its client"


def test_an_answer_without_end_is_stopped_with_a_sentence(proxy: RosterProcess, model_server: ModelServer) -> None:
    messages: Any = [{"role": "user", "content": "script: endless"}]
    chunks = list(proxy.openai().chat.completions.create(model=AGENT, messages=messages, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(text) < 21_000_000
    assert text.endswith("I stopped here: this answer reached 20 MB.")
    assert model_server.cancelled.wait(5)
