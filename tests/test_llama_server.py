"""A real llama-server behind the agents: streams, limits, tool loops, odd histories, overflow, people who leave.

It runs where there is one: `just llama-server` puts it into the cache directory.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support import wire
from tests.support.llama_server import CONTEXT, KEY, LlamaServer, llama_server
from tests.support.roster_process import RosterProcess, run_roster
from tests.support.tiny_model import ANSWER, NAME

AGENT = "agno/demo-agent"
FORMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def turn(*calls: str, arguments: str = '{"base": "teal"}') -> dict[str, Any]:
    """A turn of the assistant with calls of these ids."""
    function = {"name": "colour_palette", "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call, "type": "function", "function": function} for call in calls],
    }


def said(role: str, content: str, **fields: str) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


# What clients keep of conversations, and what llama-server or the template of a model refuses.
ODD_HISTORIES = {
    "arguments that were cut": [
        said("user", "Mix."), turn("c1", arguments='{"base": "te'), said("tool", "No.", tool_call_id="c1"),
        said("assistant", "I am sorry."), said("user", "Hello?"),
    ],
    "a question asked twice": [said("user", "Hello?"), said("user", "Are you there?")],
    "two calls at once": [
        said("user", "Mix."), turn("c1", "c2"), said("tool", "No.", tool_call_id="c1"),
        said("tool", "No.", tool_call_id="c2"), said("assistant", "I am sorry."), said("user", "Hello?"),
    ],
    "a question after a result": [
        said("user", "Mix."), turn("c1"), said("tool", "No.", tool_call_id="c1"), said("user", "Hello?"),
    ],
}  # fmt: skip
RED_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    with llama_server(tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="module")
def model_settings(llama: LlamaServer) -> dict[str, str]:
    return {
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": NAME,
        "LLM_API_BASE": f"{llama.url}/v1",
        "LLM_API_KEY": KEY,
        "LLM_TIMEOUT_SECONDS": "60",
    }


@pytest.fixture(scope="module")
def llama_proxy(
    base_environment: dict[str, str], model_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RosterProcess]:
    process = RosterProcess(tmp_path_factory.mktemp("llama-proxy"), {**base_environment, **model_settings}).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def client(llama_proxy: RosterProcess) -> openai.OpenAI:
    return llama_proxy.openai()


def ask(client: openai.OpenAI, content: str | list[dict[str, Any]], *, stream: bool, **extra: Any) -> dict[str, Any]:
    """Ask the agent, and return the text, the finish reason and the usage."""
    messages: Any = [{"role": "user", "content": content}] if isinstance(content, str) else content
    extra |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer: Any = client.chat.completions.create(model=AGENT, messages=messages, **extra)
    got: dict[str, Any] = {"text": "", "finish": None, "usage": None}
    for part in answer if stream else [answer]:
        got["usage"] = part.usage or got["usage"]
        for choice in part.choices:
            said = choice.delta if stream else choice.message
            got["text"] += said.content or ""
            got["finish"] = choice.finish_reason or got["finish"]
    return got


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it does not become so"


@FORMS
def test_an_answer_ends_cleanly_and_its_tokens_are_counted(client: openai.OpenAI, *, stream: bool) -> None:
    got = ask(client, "Hello.", stream=stream)
    assert (got["text"], got["finish"]) == (ANSWER, "stop")
    assert got["usage"].completion_tokens == 6
    assert got["usage"].prompt_tokens > 100


@FORMS
def test_an_answer_that_reaches_the_limit_says_so(client: openai.OpenAI, *, stream: bool) -> None:
    got = ask(client, "Go on for ever.", stream=stream, max_tokens=4)
    assert (got["text"].split(), got["finish"]) == (["on", "and", "on", "and"], "length")
    assert got["usage"].completion_tokens == 4


@FORMS
def test_a_tool_is_called_and_its_result_is_used(client: openai.OpenAI, *, stream: bool) -> None:
    got = ask(client, "Make a palette, please.", stream=stream)
    # The model says this only where the tool's result has colours in it.
    assert (got["text"].strip(), got["finish"]) == ("Here are shades of teal.", "stop")
    # Both answers of the model are counted: the call, and what it says afterwards.
    assert got["usage"].completion_tokens == 7 + 6


@pytest.mark.parametrize("history", ODD_HISTORIES.values(), ids=ODD_HISTORIES.keys())
@FORMS
def test_a_history_that_the_server_itself_refuses_is_sent_so_that_it_accepts_it(
    history: list[dict[str, Any]], llama: LlamaServer, client: openai.OpenAI, *, stream: bool
) -> None:
    assert llama.post({"messages": history}).status_code >= 400
    assert ask(client, history, stream=stream)["text"] == ANSWER


@FORMS
def test_a_picture_for_a_model_without_eyes_is_the_clients_400(client: openai.OpenAI, *, stream: bool) -> None:
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": RED_DOT}}]
    with pytest.raises(openai.BadRequestError, match="image input is not supported") as refused:
        ask(client, [{"role": "user", "content": parts}], stream=stream)
    assert "Try again a little later" not in refused.value.message


@FORMS
def test_a_conversation_that_is_too_long_is_the_clients_400_with_the_servers_reason(
    client: openai.OpenAI, *, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size"):
        ask(client, "word " * CONTEXT, stream=stream)


def test_somebody_who_leaves_frees_the_only_slot(
    llama: LlamaServer, llama_proxy: RosterProcess, client: openai.OpenAI
) -> None:
    # Streamed only: when the asker of a whole answer leaves, llama-server itself goes on, whoever asked it.
    body = json.dumps({"model": AGENT, "messages": [said("user", "Go on for ever.")], "stream": True}).encode()
    head = wire.head(
        "POST /v1/chat/completions HTTP/1.1",
        f"authorization: Bearer {llama_proxy.master_key}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    )
    with wire.connection(llama_proxy) as sock:
        sock.sendall(head + body)
        eventually(llama.is_busy)
        arrived = b""
        while b"data:" not in arrived:  # the head comes in a packet of its own
            more = sock.recv(65536)
            assert more, "the connection was closed before the first piece"
            arrived += more
    eventually(lambda: not llama.is_busy())
    assert llama.decoded() < CONTEXT // 2, "the answer went on to its end"
    assert ask(client, "Hello.", stream=True)["text"] == ANSWER


def test_the_model_check_passes_with_what_agents_need(model_settings: dict[str, str], tmp_path: Path) -> None:
    done = run_roster("model", "check", "--json", environment=model_settings, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {row["what"]: (row["state"], row["note"]) for row in json.loads(done.stdout)}
    assert found["a whole answer"] == ("works", f"it says {ANSWER!r}")
    assert found["a streamed answer"][0] == "works"
    assert found["a tool loop"] == ("works", "called warehouse_stock, and used what it said")
    assert found["token counts"][0] == "works"
    assert found["thinking"][0] == "not seen"
    # The tiny model has no eyes, and the server says so.
    assert found["a picture"][0] == "not seen"
    assert "image" in found["a picture"][1]


def test_the_model_check_knows_a_wrong_key(model_settings: dict[str, str], tmp_path: Path) -> None:
    wrong = {**model_settings, "LLM_API_KEY": "no-key-of-this-server-1"}
    done = run_roster("model", "check", environment=wrong, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("refused its key (status 401)") == 1
