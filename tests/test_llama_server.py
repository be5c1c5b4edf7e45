"""A real llama-server behind the agents: streams, limits, tool loops, odd histories, overflow, people who leave.

It runs where there is one: `just llama-server` puts it into the cache directory.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.roster_process import RosterProcess, run_roster
from tests.support.llama_server import CONTEXT, KEY, LlamaServer, llama_server
from tests.support.tiny_model import ANSWER, NAME

AGENT = "agno/demo-agent"
FORMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
# What clients keep of a conversation that went wrong: a call that was cut, and a question asked twice.
ODD_HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "Mix something."},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "colour_palette", "arguments": '{"base": "te'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "It did not run."},
    {"role": "assistant", "content": "I am sorry."},
    {"role": "user", "content": "Hello?"},
    {"role": "user", "content": "Are you there?"},
]


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


@FORMS
def test_a_history_that_the_server_itself_refuses_is_sent_so_that_it_accepts_it(
    llama: LlamaServer, client: openai.OpenAI, *, stream: bool
) -> None:
    assert llama.post({"messages": ODD_HISTORY}).status_code >= 400
    assert ask(client, ODD_HISTORY, stream=stream)["text"] == ANSWER


@FORMS
def test_a_conversation_that_is_too_long_is_the_clients_400_with_the_servers_reason(
    client: openai.OpenAI, *, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError, match="exceeds the available context size"):
        ask(client, "word " * CONTEXT, stream=stream)


def test_somebody_who_leaves_frees_the_only_slot(llama: LlamaServer, client: openai.OpenAI) -> None:
    stream: Any = client.chat.completions.create(
        model=AGENT, messages=[{"role": "user", "content": "Go on for ever."}], stream=True
    )
    text = ""
    for part in stream:
        text += part.choices[0].delta.content or "" if part.choices else ""
        if "and on" in text:
            break
    assert llama.is_busy()
    stream.close()
    deadline = time.monotonic() + 30
    while llama.is_busy():
        assert time.monotonic() < deadline, "the slot is still busy"
    left_off = llama.get("/slots")[0]["next_token"][0]["n_decoded"]
    assert left_off < CONTEXT // 2, "the answer went on to its end"
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
