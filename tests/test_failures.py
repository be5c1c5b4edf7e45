"""What a client gets when something is wrong: the right status, a text that helps, nothing internal."""

import json
import re
from typing import Any

import httpx
import openai
import pytest

from tests.support.deployment import REPOSITORY
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import KEY, ModelServer

BOTH_LANES = True

AGENT = "agno/demo-agent"
INTERNAL = re.compile(rf"Traceback|File \"|site-packages|{re.escape(str(REPOSITORY))}|\.py\b|litellm\.|0x[0-9a-f]{{6}}")


def post(proxy: RosterProcess, body: Any, path: str = "/v1/chat/completions", key: str | None = None) -> httpx.Response:
    with proxy.http(key) as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, content=content, headers={"content-type": "application/json"})


def chat(text: str, model: str = AGENT, **options: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **options}


def message_of(response: httpx.Response) -> str:
    error = response.json()["error"]
    wanted = {"message", "type"} if response.json().get("type") == "error" else {"message", "type", "param", "code"}
    assert set(error) == wanted
    assert not INTERNAL.search(response.text), response.text
    assert KEY not in response.text
    return error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_agent_is_404_with_the_known_ones(proxy: RosterProcess, stream: bool) -> None:
    response = post(proxy, chat("hi", model="agno/nobody", stream=stream))
    assert response.status_code == 404
    assert "agno/demo-agent" in message_of(response)
    assert "agno/enrich-metadata" in message_of(response)


def test_an_unknown_plain_model_is_404_and_says_where_the_list_is(proxy: RosterProcess) -> None:
    response = post(proxy, chat("hi", model="gpt-99"))
    assert response.status_code == 404
    assert "/v1/models" in message_of(response)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"{not json", "not valid JSON"),
        (b"[]", "JSON object"),
        (b"[" * 100_000, "not valid JSON"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "`model`"),
        ({"model": AGENT}, "`messages`"),
        ({"model": AGENT, "messages": []}, "`messages`"),
        ({"model": AGENT, "messages": "hi"}, "`messages`"),
        ({"model": AGENT, "messages": ["hi"]}, "`messages[0]`"),
        ({"model": AGENT, "messages": [{"role": "robot", "content": "hi"}]}, "`messages[0].role`"),
        ({"model": AGENT, "messages": [{"role": "user", "content": 5}]}, "`messages[0].content"),
        ({"model": AGENT, "messages": [{"role": "user", "content": ["hi"]}]}, "`messages[0].content"),
        ({"model": AGENT, "messages": [{"role": "system", "content": "hi"}]}, "only system messages"),
        ({"model": AGENT, "messages": [{"role": ["user"], "content": "hi"}]}, "`messages[0].role`"),
        ({"model": AGENT, "messages": [{"role": "user", "content": "hi", "name": 5}]}, "`messages[0].name`"),
        ({"model": AGENT, "messages": [{"role": "assistant", "tool_calls": [5]}]}, "`messages[0].tool_calls"),
        ({"model": f"{AGENT},{AGENT}", "messages": [{"role": "user", "content": "hi"}]}, "must not be a list"),
        ({"model": f"plain-model,{AGENT}", "messages": [{"role": "user", "content": "hi"}]}, "must not be a list"),
        ({"model": [AGENT], "messages": [{"role": "user", "content": "hi"}]}, "`model`"),
        ({"model": AGENT, "stream": "yes", "messages": [{"role": "user", "content": "hi"}]}, "`stream`"),
        ({"model": AGENT, "stream": 1, "messages": [{"role": "user", "content": "hi"}]}, "`stream`"),
        ({"model": AGENT, "temperature": "hot", "messages": [{"role": "user", "content": "hi"}]}, "`temperature`"),
        ({"model": AGENT, "max_tokens": -5, "messages": [{"role": "user", "content": "hi"}]}, "`max_tokens`"),
        ('{"model": "x"}'.encode("utf-16"), "not valid JSON"),
    ],
)
def test_bad_input_is_400_and_names_the_place(proxy: RosterProcess, body: Any, hint: str) -> None:
    response = post(proxy, body)
    assert response.status_code == 400
    assert hint in message_of(response)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"model": AGENT, "input": 5}),
        ("/v1/completions", {"model": AGENT, "prompt": None}),
        ("/v1/completions", {"model": AGENT, "prompt": [1, 2, 3]}),
        ("/v1/responses", {"model": AGENT, "input": [5]}),
        ("/v1/responses", {"model": AGENT, "input": "hi", "previous_response_id": "resp_1"}),
        ("/v1/responses", {"model": AGENT, "input": "hi", "stream": "true"}),
        ("/v1/messages", {"model": AGENT, "max_tokens": 5, "messages": "hi"}),
        ("/v1/embeddings", {"model": AGENT, "input": "hi"}),
    ],
)
def test_bad_input_on_the_other_endpoints_is_400(proxy: RosterProcess, path: str, body: Any) -> None:
    response = post(proxy, body, path)
    assert response.status_code == 400
    assert message_of(response)


def test_a_request_over_the_size_limit_is_413(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = post(proxy, chat("x" * 1_100_000))
    assert response.status_code == 413
    assert "1 MB" in message_of(response)
    assert not model_server.requests


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("upstream", "status", "hint"),
    [
        (400, 400, "scripted failure 400"),
        (401, 502, "LLM_API_KEY"),
        (403, 502, "LLM_API_KEY"),
        (404, 404, "scripted failure 404"),
        (422, 422, "scripted failure 422"),
        (500, 500, "Try again"),
        (502, 502, "Try again"),
        (503, 503, "Try again"),
        (504, 504, "Try again"),
    ],
)
def test_an_upstream_failure_keeps_its_meaning(
    proxy: RosterProcess, model_server: ModelServer, stream: bool, upstream: int, status: int, hint: str
) -> None:
    response = post(proxy, chat(f"script: status {upstream}", stream=stream))
    assert response.status_code == status
    assert hint in message_of(response)
    assert len(model_server.requests) == 1, "an upstream call must not be repeated"


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_429_stays_429_with_retry_after(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    response = post(proxy, chat("script: status 429 17", stream=stream))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "17"
    assert "17 seconds" in message_of(response)
    assert len(model_server.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses", "/v1/completions"])
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_the_other_endpoints_keep_status_and_retry_after_also_streamed(
    proxy: RosterProcess, model_server: ModelServer, path: str, status: int, stream: bool
) -> None:
    text = f"script: status {status} 17"
    field = {"/v1/messages": "messages", "/v1/responses": "input", "/v1/completions": "prompt"}[path]
    body: dict[str, Any] = {"model": AGENT, "stream": stream, field: text}
    if field == "messages":
        body |= {"max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    response = post(proxy, body, path)
    assert response.status_code == status
    assert message_of(response)
    assert response.headers.get("retry-after") == ("17" if status == 429 else None)
    assert len(model_server.requests) == 1


def test_a_failure_in_mid_stream_of_text_completions_is_a_clean_frame(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    response = post(proxy, {"model": AGENT, "prompt": "script: break half an", "stream": True}, "/v1/completions")
    assert response.status_code == 200
    assert "broke off in the middle" in response.text
    assert not INTERNAL.search(response.text)


@pytest.mark.parametrize(
    "extra",
    [
        {"input_cost_per_token": 1}, {"langfuse_public_key": "x"}, {"turn_off_message_logging": True}, {"self": 1},
        {"deployment_id": "x"}, {"original_function": 1}, {"call_type": "x"}, {"secret_fields": {}}, {"n": 1},
        {"azure_ad_token": "x"}, {"stream_chunk_size": 1}, {"tags": ["x"]},
        {"store": True},
        {"proxy_server_request": {}},
    ],
    ids=lambda extra: next(iter(extra)),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_fields_no_agent_knows_are_left_out(
    proxy: RosterProcess, model_server: ModelServer, path: str, extra: dict[str, Any]
) -> None:
    response = post(proxy, {**chat("script: say fine"), "max_tokens": 9, **extra}, path)
    assert response.status_code == 200, response.text
    assert "fine" in response.text
    assert len(model_server.requests) == 1


def test_a_connection_survives_requests_that_fail_inside_litellm(proxy: RosterProcess) -> None:
    with proxy.http() as client:
        for body in (
            {"model": "plain-model", "messages": "hi", "api_base": "http://x"},
            {"model": "plain-model", "messages": 5},
        ):
            assert client.post("/v1/chat/completions", json=body).status_code in {400, 500}
            assert client.get("/health/liveliness").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_upstream_is_504(proxy: RosterProcess, model_server: ModelServer, stream: bool) -> None:
    response = post(proxy, chat("script: hang", stream=stream))
    assert response.status_code == 504
    assert "in time" in message_of(response)


def test_an_upstream_that_is_down_is_503(tmp_path: Any, base_environment: dict[str, str]) -> None:
    environment = {**base_environment, "LLM_MODEL": "stub", "LLM_API_BASE": "http://127.0.0.1:9/v1"}
    proxy = RosterProcess(tmp_path, environment).start()
    try:
        for stream in (False, True):
            response = post(proxy, chat("hello", stream=stream))
            assert response.status_code == 503
            assert "LLM_API_BASE" in message_of(response)
    finally:
        proxy.stop()


def test_an_unreadable_upstream_answer_is_502(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = post(proxy, chat("script: garbage"))
    assert response.status_code == 502
    assert "LLM_API_BASE" in message_of(response)


@pytest.mark.parametrize(
    ("script", "words"), [("break half an", "broke off in the middle"), ("event-error", "failed (status 500)")]
)
def test_a_failure_in_mid_stream_is_an_error_frame_after_the_partial_text(
    proxy: RosterProcess, model_server: ModelServer, script: str, words: str
) -> None:
    texts: list[str] = []
    with pytest.raises(openai.APIError) as failed:
        messages: Any = [{"role": "user", "content": f"script: {script}"}]
        stream = proxy.openai().chat.completions.create(model=AGENT, messages=messages, stream=True)
        texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(texts).strip() in {"half an", "some"}
    assert words in failed.value.message
    assert "Try again" in failed.value.message
    assert not INTERNAL.search(json.dumps(failed.value.body))


def test_a_secret_in_an_upstream_error_does_not_reach_the_client(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    response = post(proxy, chat("script: echo-key"))
    assert response.status_code == 400
    assert "Bad request with Authorization" in message_of(response)


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_cannot_be_built_tells_nothing_of_the_exception(proxy: RosterProcess, stream: bool) -> None:
    response = post(proxy, chat("hi", model="agno/bad-factory", stream=stream))
    assert response.status_code == 500
    assert "operator" in message_of(response)
    assert "shadow" not in response.text


def test_an_agent_as_the_model_of_an_agent_is_refused(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = post(proxy, chat("hi", model="agno/loop-inner"))
    assert response.status_code == 400
    assert "plain model" in message_of(response)


def test_a_failing_tool_is_a_sentence_to_the_model_and_the_run_goes_on(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    response = post(proxy, chat('script: tool colour_palette {"base": "mauve-ish"}'))
    assert response.status_code == 200
    assert "I do not know the colour" in response.json()["choices"][0]["message"]["content"]


def test_bad_tool_arguments_are_explained_to_the_model(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = post(proxy, chat('script: tool colour_scheme {"purpose": 5}'))
    assert "Bad arguments for colour_scheme" in response.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ui"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("POST", "/key/generate"),
        ("GET", "/v1/model/info"),
        ("POST", "/mcp-rest/test/connection"),
        ("GET", "/health"),
        ("GET", "/v1/agents"),
        ("GET", "//v1/models"),
        ("POST", "/v1/chat/completions/"),
        ("GET", "/credentials"),
    ],
)
def test_everything_off_the_allow_list_is_404(proxy: RosterProcess, method: str, path: str) -> None:
    with proxy.http() as client:
        response = client.request(method, f"{proxy.url}{path}")
    assert response.status_code == 404
    assert "There is nothing at" in message_of(response)


def test_health_needs_no_key_and_answers(proxy: RosterProcess) -> None:
    assert httpx.get(f"{proxy.url}/health/liveliness", trust_env=False).status_code == 200
    assert httpx.get(f"{proxy.url}/health/readiness", trust_env=False).status_code == 200
