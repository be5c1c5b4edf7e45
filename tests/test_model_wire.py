"""The wire to model servers: a connection serves call after call, and what arrives together goes on together."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

from agentroster.llm.completion import CompletionRequest
from agentroster.llm.endpoint import Endpoint
from agentroster.net.client import open_transport
from tests.support.certificates import make_certificate
from tests.support.chatting import Person
from tests.support.roster_process import RosterProcess
from tests.support.scripted_server import Run, ScriptedServer

Json = dict[str, Any]
AGENT = "agno/demo-agent"
CALLS = 10


def delta(finish: str | None = None, **fields: Any) -> Json:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


WORDS = [delta(role="assistant", content=""), delta(content="Hello "), delta(content="you"), delta("stop")]
WHOLE = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello you"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}
REFUSAL = {"error": {"message": "The model is not served here.", "type": "invalid_request_error"}}
STREAMED: Json = {"events": WORDS}
ANSWERS: dict[str, tuple[bool, Json, str]] = {
    "a streamed answer": (True, STREAMED, "Hello you"),
    "a streamed answer in one write": (True, {**STREAMED, "pieces": "one"}, "Hello you"),
    "a streamed answer without [DONE]": (True, {**STREAMED, "done": False}, "Hello you"),
    "a streamed answer with more after [DONE]": (True, {**STREAMED, "after": ": bye\n\n" * 50}, "Hello you"),
    "a fault in a streamed answer": (True, {"events": [*WORDS[:2], REFUSAL]}, "not served"),
    "a whole answer": (False, {"body": WHOLE}, "Hello you"),
    "a whole answer in chunks": (False, {"body": WHOLE, "transfer": "chunked", "pieces": 40}, "Hello you"),
    "an error": (True, {"status": 404, "body": REFUSAL}, "not served"),
    "an error in chunks": (True, {"status": 404, "body": REFUSAL, "transfer": "chunked", "pieces": 20}, "not served"),
    "an error of a whole answer": (False, {"status": 404, "body": REFUSAL, "transfer": "chunked"}, "not served"),
}
# Nothing more comes, and the connection stays open: not even a byte that ends the body.
NEVER_ENDING: dict[str, tuple[bool, Json, str]] = {
    "a streamed answer": (True, {**STREAMED, "end": "open"}, "Hello you"),
    "a whole answer": (False, {"body": WHOLE, "transfer": "chunked", "end": "open"}, "Hello you"),
    "an error": (True, {"status": 404, "body": REFUSAL, "transfer": "chunked", "end": "open"}, "not served"),
    "a fault in a streamed answer": (True, {"events": [*WORDS[:2], REFUSAL], "end": "open"}, "not served"),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture(scope="module")
def servers(certificate: tuple[Path, Path]) -> Iterator[dict[str, ScriptedServer]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with ScriptedServer() as plain, ScriptedServer(context) as encrypted:
        yield {"http": plain, "https": encrypted}


@pytest.fixture(scope="module")
def wired_proxy(
    servers: dict[str, ScriptedServer],
    certificate: tuple[Path, Path],
    base_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RosterProcess]:
    environment = {
        **base_environment,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "nobody-asks-it",
        "LLM_API_BASE": f"{servers['http'].url}/nobody/v1",
        "LLM_API_KEY": "key-of-the-scripted-server-4711",
        "LLM_TIMEOUT_SECONDS": "60",
        "ROSTER_TRUSTED_URLS": ",".join(server.url for server in servers.values()),
        "SSL_CERT_FILE": str(certificate[0]),
    }
    process = RosterProcess(tmp_path_factory.mktemp("wired"), environment).start()
    yield process
    process.stop()


class Asking:
    """A person whose own model plays the same step again and again."""

    def __init__(self, proxy: RosterProcess, server: ScriptedServer, step: Json) -> None:
        name = uuid4().hex
        steps = {"steps": [step] * (CALLS + 1)}
        self.run: Run = server.play(name, {"name": "wire", "model": "some", "stream": steps, "whole": steps})
        self.person = Person(proxy, f"wire-{name[:12]}", agent=AGENT)
        self.messages: Any = [{"role": "user", "content": "[case:wire] Hello"}]
        setting = {"provider": "custom", "base_url": f"{server.url}/{name}/v1", "model": "some", "api_key": "key-0815"}
        with proxy.http(self.person.key) as client:
            answer = client.put("/roster/api/me/llm", json=setting)
        assert answer.status_code == 200, answer.text
        self._client = proxy.openai(self.person.key)

    def pieces(self) -> list[str]:
        """Return the texts of a streamed answer, as they came."""
        answer: Any = self._client.chat.completions.create(model=AGENT, messages=self.messages, stream=True)
        return [text for chunk in answer for choice in chunk.choices if (text := choice.delta.content)]

    def ask(self, *, stream: bool) -> str:
        """Return what came: the text, or the words of an error."""
        try:
            answer: Any = self._client.chat.completions.create(model=AGENT, messages=self.messages, stream=stream)
            if not stream:
                return str(answer.choices[0].message.content)
            return "".join(choice.delta.content or "" for chunk in answer for choice in chunk.choices)
        except openai.APIError as error:
            return error.message


@pytest.fixture
def asking(wired_proxy: RosterProcess, servers: dict[str, ScriptedServer]) -> Callable[[str, Json], Asking]:
    return lambda scheme, step: Asking(wired_proxy, servers[scheme], step)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_one_connection_serves_one_model_call_after_another(
    asking: Callable[[str, Json], Asking], scheme: str, kind: str
) -> None:
    stream, step, words = ANSWERS[kind]
    wired = asking(scheme, step)
    for _ in range(CALLS):
        assert words in wired.ask(stream=stream)
        # An error is told before the rest of its body has come: asked again at once, it would be on its way still.
        assert wired.run.written.acquire(timeout=20)
    assert not wired.run.errors
    assert (len(wired.run.requests), len(wired.run.connections)) == (CALLS, 1)


def test_the_model_calls_of_one_run_share_a_connection(asking: Callable[[str, Json], Asking]) -> None:
    call = {"index": 0, "id": "call_1", "type": "function"}
    call["function"] = {"name": "colour_palette", "arguments": '{"base": "teal"}'}
    wired = asking("http", {"events": [delta(tool_calls=[call]), delta("tool_calls")], "ends_together": True})
    wired.run.case["stream"]["steps"][3] = STREAMED
    assert "Hello you" in wired.ask(stream=True)
    assert (len(wired.run.requests), len(wired.run.connections)) == (4, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", NEVER_ENDING)
def test_an_answer_is_not_held_up_by_a_body_that_never_ends_and_its_connection_is_closed(
    asking: Callable[[str, Json], Asking], scheme: str, kind: str
) -> None:
    stream, step, words = NEVER_ENDING[kind]
    wired = asking(scheme, step)
    assert words in wired.ask(stream=stream)
    if "error" not in kind:
        assert not wired.run.dropped.is_set(), "the answer came only when its connection had been given up"
    assert wired.run.dropped.wait(20), "the connection is still open"
    wired.ask(stream=stream)
    assert len(wired.run.connections) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_goes_away_in_the_middle_closes_the_connection(
    asking: Callable[[str, Json], Asking], wired_proxy: RosterProcess, scheme: str
) -> None:
    wired = asking(scheme, {"events": WORDS[:3], "done": False, "end": "open"})
    body = {"model": AGENT, "messages": wired.messages, "stream": True}
    with (
        wired_proxy.http(wired.person.key) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = answer.iter_lines()
        assert any("Hello" in line for line in lines)
        assert not wired.run.dropped.is_set()
    assert wired.run.dropped.wait(20), "the connection is still open"


QUESTION = CompletionRequest(model="some", messages=[{"role": "user", "content": "[case:wire]"}])


@asynccontextmanager
async def endpoint_at(server: ScriptedServer, step: Json) -> AsyncGenerator[tuple[Endpoint, Run]]:
    """Yield an endpoint with a pool of its own, which is closed afterwards."""
    name = uuid4().hex
    run = server.play(name, {"name": "wire", "model": "some", "stream": {"steps": [step]}})
    transport = open_transport([("127.0.0.1", httpx.URL(server.url).port or 0)])
    try:
        yield Endpoint(transport, base_url=f"{server.url}/{name}/v1", api_key="k", timeout_seconds=60), run
    finally:
        await transport.aclose()


PIECES = [f"w{number} " for number in range(200)]
FULL_SPEED = [*(delta(content=piece) for piece in PIECES), delta("stop")]


@pytest.mark.parametrize("pieces", [None, "one"])
def test_at_full_speed_the_first_text_does_not_wait_for_the_whole_answer(
    asking: Callable[[str, Json], Asking], pieces: str | None
) -> None:
    wired = asking("http", {"events": FULL_SPEED, "pieces": pieces})
    for _ in range(CALLS):
        came = wired.pieces()
        assert "".join(came) == "".join(PIECES)
        assert 2 <= len(came) < 20
        assert len(came[0].split()) < 20


@pytest.mark.anyio
@pytest.mark.parametrize("pieces", [None, "one"])
async def test_text_that_arrives_together_is_handed_on_together(
    servers: dict[str, ScriptedServer], pieces: str | None
) -> None:
    async with endpoint_at(servers["http"], {"events": FULL_SPEED, "pieces": pieces}) as (endpoint, _):
        texts = [chunk.text async for chunk in endpoint.complete(QUESTION) if chunk.text]
    assert "".join(texts) == "".join(PIECES)
    assert len(texts) < 20


@pytest.mark.anyio
async def test_a_pool_that_is_closed_leaves_no_answer_that_is_still_read_to_its_end(
    servers: dict[str, ScriptedServer],
) -> None:
    async with endpoint_at(servers["http"], {**STREAMED, "end": "open"}) as (endpoint, run):
        others = asyncio.all_tasks()
        async for _ in endpoint.complete(QUESTION):
            pass
    assert asyncio.all_tasks() == others
    assert await asyncio.to_thread(run.dropped.wait, 20)
