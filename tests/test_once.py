"""One request is one run, whatever the client sends and whatever fails; a client gone ends it."""

import threading
import time
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from agentroster.errors import RunRepeated
from agentroster.gateway.requests.chat_request import read_request
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

BOTH_LANES = True

AGENT = "agno/demo-agent"

HOSTILE: list[dict[str, Any]] = [
    {"num_retries": 3},
    {"max_retries": 3},
    {"retry_policy": {"InternalServerErrorRetries": 3}},
    {"model_group_retry_policy": {AGENT: {"InternalServerErrorRetries": 3}}},
    {"router_settings_override": {"num_retries": 3}},
    {"fallbacks": ["agno/dice", "plain-model"]},
    {"fallbacks": [{"model": "agno/dice", "messages": [{"role": "user", "content": "script: say second"}]}]},
    {"context_window_fallbacks": [{AGENT: ["plain-model"]}]},
    {"context_window_fallback_dict": {AGENT: "plain-model"}},
    {"mock_response": "mocked"},
    {"mock_testing_fallbacks": True},
    {"mock_tool_calls": [{"id": "x"}]},
    {"timeout": 0.001},
    {"stream_timeout": 0.001},
    {"api_key": "sk-stolen"},
    {"api_base": "http://127.0.0.1:9/v1"},
    {"base_url": "http://127.0.0.1:9/v1"},
    {"model_list": [{"model_name": AGENT, "litellm_params": {"model": "openai/x"}}]},
    {"user_config": {"model_list": []}},
    {"extra_body": {"num_retries": 3}},
    {"litellm_params": {"num_retries": 3}},
    {"metadata": {"attempted_retries": 5, "user_api_key_user_id": "somebody"}},
    {"cache": {"no-cache": True}},
    {"guardrails": ["none"]},
    {"custom_llm_provider": "openai"},
]


@pytest.mark.parametrize("extra", HOSTILE, ids=lambda extra: next(iter(extra)))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_fields_that_steer_litellm_do_nothing_for_an_agent(
    proxy: RosterProcess, model_server: ModelServer, extra: dict[str, Any], path: str
) -> None:
    body = {"model": AGENT, "max_tokens": 9, "messages": [{"role": "user", "content": "script: say once"}], **extra}
    with proxy.http() as client:
        response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert "once" in response.text
    assert len(model_server.requests) == 1
    assert "mocked" not in response.text


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@pytest.mark.parametrize("extra", HOSTILE[:8], ids=lambda extra: next(iter(extra)))
def test_a_failing_run_is_never_repeated(
    proxy: RosterProcess, model_server: ModelServer, status: int, extra: dict[str, Any]
) -> None:
    body = {"model": AGENT, "messages": [{"role": "user", "content": f"script: status {status}"}], **extra}
    with proxy.http() as client:
        response = client.post("/v1/chat/completions", json=body, headers={"x-litellm-num-retries": "3"})
    assert response.status_code >= 400
    assert len(model_server.requests) == 1


def test_a_failure_for_one_user_does_not_lock_out_the_next(proxy: RosterProcess, model_server: ModelServer) -> None:
    body = {"model": AGENT, "messages": [{"role": "user", "content": "script: status 404"}]}
    with proxy.http() as client:
        assert [client.post("/v1/chat/completions", json=body).status_code for _ in range(4)] == [404] * 4
        body["messages"] = [{"role": "user", "content": "script: say fine"}]
        assert client.post("/v1/chat/completions", json=body).status_code == 200


def wait_until(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.005)


class Leaving:
    """A client that goes away when told."""

    def __init__(self, proxy: RosterProcess, body: dict[str, Any], path: str = "/v1/chat/completions") -> None:
        self._client = httpx.Client(base_url=proxy.url, trust_env=False, timeout=60)
        request = self._client.build_request(
            "POST", path, json=body, headers={"authorization": f"Bearer {proxy.master_key}"}
        )
        self._thread = threading.Thread(target=self._send, args=[request], daemon=True)
        self._thread.start()

    def _send(self, request: httpx.Request) -> None:
        try:
            for _ in self._client.send(request, stream=True).iter_bytes():
                pass
        except (httpx.HTTPError, OSError, RuntimeError, ValueError):
            pass

    def leave(self) -> None:
        """Close the connection under the waiting request."""
        pool: Any = cast("Any", self._client)._transport._pool
        for connection in list(pool.connections):
            stream = connection._connection._network_stream
            stream.get_extra_info("socket").shutdown(2)
        self._thread.join(10)
        self._client.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_a_client_gone_cancels_the_model_call(
    proxy: RosterProcess, model_server: ModelServer, stream: bool, path: str
) -> None:
    body: dict[str, Any] = {"model": AGENT, "stream": stream, "max_tokens": 9}
    text = "script: hang some words"
    body |= {"input": text} if path.endswith("responses") else {"messages": [{"role": "user", "content": text}]}
    client = Leaving(proxy, body, path)
    assert model_server.hanging.wait(10)
    client.leave()
    assert model_server.cancelled.wait(20), "the model call went on without its client"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_gone_cancels_the_tools(
    proxy: RosterProcess, model_server: ModelServer, marks: Path, stream: bool
) -> None:
    name = f"gone-{stream}-{proxy.url.rpartition(':')[2]}"
    body = {
        "model": "agno/slow-tool",
        "stream": stream,
        "messages": [{"role": "user", "content": f'script: tool wait_long {{"name": "{name}"}}'}],
    }
    client = Leaving(proxy, body)
    wait_until(marks / f"{name}.started")
    left = time.monotonic()
    client.leave()
    wait_until(marks / f"{name}.cancelled")
    assert time.monotonic() - left < 5, "the tool ended by itself, not by the client's leaving"


@pytest.mark.parametrize("stream", [False, True])
def test_reaching_the_deadline_ends_the_answer_with_a_sentence_and_length(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    script = "script: hang the beginning" if stream else "script: hang"
    messages: Any = [{"role": "user", "content": script}]
    answer: Any = proxy.openai().chat.completions.create(model="agno/short-run", messages=messages, stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = next(chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason)
        assert text.startswith("the beginning\n\nI stopped here")
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert "limit of 1 seconds" in text
    assert reason == "length"
    assert model_server.cancelled.wait(2)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_repeats_a_tool_for_ever_is_stopped_by_the_budget(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    messages: Any = [{"role": "user", "content": 'script: loop colour_palette {"base": "red"}'}]
    answer: Any = proxy.openai().chat.completions.create(model="agno/few-calls", messages=messages, stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = next(chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason)
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        assert answer.usage.prompt_tokens == 300
    assert "limit of 3 model calls" in text
    assert reason == "length"
    assert len(model_server.requests) == 3


def test_the_deployments_budget_holds_where_the_agent_sets_none(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    messages: Any = [{"role": "user", "content": 'script: loop colour_palette {"base": "red"}'}]
    answer = proxy.openai().chat.completions.create(model=AGENT, messages=messages)
    assert "limit of 6 model calls" in (answer.choices[0].message.content or "")
    assert len(model_server.requests) == 6


def test_a_second_attempt_of_a_router_is_refused_even_if_all_else_fails() -> None:
    messages = [{"role": "user", "content": "hi"}]
    assert (
        read_request("demo-agent", messages, {}, {"metadata": {"attempted_retries": 0}}, stream=False).agent
        == "demo-agent"
    )
    with pytest.raises(RunRepeated):
        read_request("demo-agent", messages, {}, {"metadata": {"attempted_retries": 1}}, stream=False)


def test_no_model_call_survives_clients_that_leave_at_the_worst_moment(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    body = {"model": AGENT, "stream": True, "messages": [{"role": "user", "content": "script: hang some words"}]}
    for _ in range(60):
        model_server.reset()
        client = Leaving(proxy, body)
        assert model_server.hanging.wait(10)
        client.leave()
        assert model_server.cancelled.wait(20), "the model call went on without its client"
