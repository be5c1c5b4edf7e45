"""Each interface in its own form: OpenAI's completions and Responses, Anthropic's Messages, methods, names, keys."""

import json
from typing import Any

import httpx
import pytest

from agentroster.db.database import Database
from agentroster.gateway.model_names import did_you_mean
from agentroster.gateway.requests.request_filter import POST_PATHS
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer
from tests.support.wire import exchange, head

AGENT = "agno/demo-agent"
U = {"role": "user", "content": "script: say one two"}
MESSAGES = {"model": AGENT, "max_tokens": 9, "messages": [U]}


def key_of(proxy: RosterProcess, user: str, **options: Any) -> str:
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        return KeyStore(database).create(user=user, **options)[1]


def frames(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line[5:].strip() for line in response.text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def post(
    proxy: RosterProcess, path: str, body: dict[str, Any], key: str | None = None, **headers: str
) -> httpx.Response:
    with proxy.http(key) as client:
        return client.post(path, json={"model": AGENT, **body}, headers=headers)


# Completions


def test_streamed_completions_state_usage_once_and_only_if_asked(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    asked = {"prompt": "script: say one two", "stream": True}
    without = frames(post(proxy, "/v1/completions", asked))
    assert not [frame for frame in without if frame.get("usage")]
    with_usage = frames(post(proxy, "/v1/completions", {**asked, "stream_options": {"include_usage": True}}))
    assert [frame["usage"]["total_tokens"] for frame in with_usage if frame.get("usage")] == [107]
    assert with_usage[-1]["choices"] == []
    for found in (without, with_usage):
        choices = [choice for frame in found for choice in frame["choices"]]
        assert "".join(choice["text"] for choice in choices) == "one two"
        assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
        assert len({frame["id"] for frame in found}) == 1 and found[0]["id"].startswith("cmpl-")


def test_a_completion_that_fails_on_its_way_ends_with_error_and_done(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    response = post(proxy, "/v1/completions", {"prompt": "script: break", "stream": True})
    *pieces, last = frames(response)
    # In as many pieces as the network made of it.
    assert "".join(choice["text"] for frame in pieces for choice in frame["choices"]) == "half an"
    assert "broke off" in last["error"]["message"]
    assert response.text.endswith("data: [DONE]\n\n")


# Responses


def test_a_response_that_fails_on_its_way_keeps_its_text_and_the_models_name(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    events = frames(post(proxy, "/v1/responses", {"input": "script: break", "stream": True}))
    failed = events[-1]["response"]
    assert events[-1]["type"] == "response.failed"
    assert (failed["status"], failed["model"]) == ("failed", AGENT)
    assert failed["error"]["code"] == "server_error" and "broke off" in failed["error"]["message"]
    assert [part["text"] for item in failed["output"] for part in item["content"]] == ["half an"]
    assert failed["output"][0]["id"] == next(event["item_id"] for event in events if event["type"].endswith("delta"))
    assert {"tools", "parallel_tool_calls", "tool_choice", "created_at", "object"} <= failed.keys()


def test_events_of_a_response_are_numbered_and_name_the_model_that_was_asked_for(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    events = frames(post(proxy, "/v1/responses", {"input": "script: say one two", "stream": True}))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert {event["response"]["model"] for event in events if "response" in event} == {AGENT}
    assert post(proxy, "/v1/responses", {"input": "script: say x"}).json()["model"] == AGENT


# Messages


def test_an_answer_of_messages_has_an_id_of_its_own(proxy: RosterProcess, model_server: ModelServer) -> None:
    first, second = (post(proxy, "/v1/messages", MESSAGES) for _ in range(2))
    assert first.json()["id"].startswith("msg_") and first.json()["id"] != second.json()["id"]
    assert first.headers["request-id"].startswith("req_")
    assert first.headers["request-id"] != second.headers["request-id"]
    start = frames(post(proxy, "/v1/messages", {**MESSAGES, "stream": True}))[0]
    assert start["message"]["id"].startswith("msg_")


def check_anthropic(response: httpx.Response, status: int, kind: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == {"type", "error", "request_id"}
    assert body["error"].keys() == {"type", "message"}
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == response.headers["request-id"]
    assert int(response.headers["content-length"]) == len(response.content)
    return body["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_every_refusal_of_messages_has_anthropics_form_whoever_refused(
    proxy: RosterProcess, model_server: ModelServer, path: str
) -> None:
    limited = key_of(proxy, "anthropic", models=["agno/dice"])
    check_anthropic(httpx.post(f"{proxy.url}{path}", json=MESSAGES, trust_env=False), 401, "authentication_error")
    check_anthropic(post(proxy, path, MESSAGES, "sk-wrong"), 401, "authentication_error")
    check_anthropic(post(proxy, path, MESSAGES, **{"x-api-key": "other"}), 401, "authentication_error")
    check_anthropic(post(proxy, path, MESSAGES, limited), 403, "permission_error")
    check_anthropic(post(proxy, path, {**MESSAGES, "messages": 5}), 400, "invalid_request_error")
    check_anthropic(post(proxy, path, {**MESSAGES, "model": "agno/nobody"}), 404, "not_found_error")
    with proxy.http() as client:
        check_anthropic(client.post(path, content=b"{"), 400, "invalid_request_error")
        check_anthropic(client.post(path, content=b" " * 1_000_001), 413, "request_too_large")
        refused = client.get(path)
        check_anthropic(refused, 405, "invalid_request_error")
        assert refused.headers["allow"] == "POST"


def test_what_the_model_refuses_has_anthropics_form(proxy: RosterProcess, model_server: ModelServer) -> None:
    for script, status, kind in (
        ("429", 429, "rate_limit_error"),
        ("500", 500, "api_error"),
        ("503", 503, "api_error"),
    ):
        asked = {**MESSAGES, "messages": [{"role": "user", "content": f"script: status {script}"}]}
        assert "language model" in check_anthropic(post(proxy, "/v1/messages", asked), status, kind)
        streamed = post(proxy, "/v1/messages", {**asked, "stream": True})
        assert "language model" in check_anthropic(streamed, status, kind)


def test_an_unknown_direct_model_of_messages_is_404_in_anthropics_form(proxy: RosterProcess) -> None:
    told = check_anthropic(post(proxy, "/v1/messages", {**MESSAGES, "model": "plain-modle"}), 404, "not_found_error")
    assert "Did you mean plain-model?" in told


def test_too_many_large_requests_are_429_in_anthropics_form_with_the_wait(narrow_proxy: RosterProcess) -> None:
    key = key_of(narrow_proxy, "anthropic-eager")
    answers = [post(narrow_proxy, "/v1/messages/count_tokens", MESSAGES, key) for _ in range(40)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "ask again" in check_anthropic(refused, 429, "rate_limit_error")
    assert int(refused.headers["retry-after"]) >= 1


def test_a_missing_path_below_messages_is_404(proxy: RosterProcess) -> None:
    assert post(proxy, "/v1/messages/batches", MESSAGES).status_code == 404


def test_tokens_are_counted_for_agents_without_asking_a_model(proxy: RosterProcess, model_server: ModelServer) -> None:
    def count(content: Any, **extra: Any) -> int:
        body = {"messages": [{"role": "user", "content": content}], **extra}
        response = post(proxy, "/v1/messages/count_tokens", body, **{"anthropic-version": "2023-06-01"})
        assert response.status_code == 200, response.text
        assert response.json().keys() == {"input_tokens"}
        return response.json()["input_tokens"]

    short, long = count("one two three"), count("one two three " * 100)
    assert 3 <= short <= 12 and 300 <= long <= 600
    assert count("one two three", system="x" * 400) >= short + 90
    assert count("\u6c34" * 100) >= 100
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 9000}}
    assert 1000 <= count([picture]) <= 2500
    assert not model_server.requests


def test_anthropics_headers_are_accepted(proxy: RosterProcess, model_server: ModelServer) -> None:
    headers = {"x-api-key": proxy.master_key, "anthropic-version": "2023-06-01", "anthropic-beta": "tools-2024-05-16"}
    response = httpx.post(f"{proxy.url}/v1/messages", json=MESSAGES, headers=headers, trust_env=False, timeout=60)
    assert response.status_code == 200


# Methods


@pytest.mark.parametrize("path", sorted(POST_PATHS))
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_on_a_path_of_post_is_405_and_says_which(proxy: RosterProcess, path: str, method: str) -> None:
    with proxy.http() as client:
        response = client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert "POST is" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/models", f"/v1/models/{AGENT}"])
def test_models_answer_to_get_and_head_alone(proxy: RosterProcess, path: str) -> None:
    with proxy.http() as client:
        whole, top = client.get(path), client.head(path)
        assert (whole.status_code, top.status_code, top.content) == (200, 200, b"")
        assert top.headers["content-type"] == whole.headers["content-type"]
        refused = client.post(path, json={})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    key = f"authorization: Bearer {proxy.master_key}"
    reply = exchange(proxy, head(f"HEAD {path} HTTP/1.1", key, "connection: close"))
    assert reply.status == 200 and reply.raw.endswith(b"\r\n\r\n")
    assert httpx.head(f"{proxy.url}{path}", trust_env=False).status_code == 401


# Keys and names


def test_a_wrong_key_is_401_in_openais_words_and_at_most_one_quiet_line(proxy: RosterProcess) -> None:
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/messages"):
        since = len(proxy.log)
        response = post(proxy, path, {"messages": [U], "input": "x", "prompt": "x"}, "sk-wrong")
        assert response.status_code == 401
        if path != "/v1/messages":
            error = response.json()["error"]
            assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "invalid_api_key", None)
        lines = proxy.log[since:].splitlines()
        assert len(lines) <= 1 and not [line for line in lines if "INFO" not in line], lines
    with proxy.http("sk-wrong") as client:
        since = len(proxy.log)
        assert client.get("/v1/models").json()["error"]["code"] == "invalid_api_key"
        assert client.get("/roster/api/jobs").json()["error"]["code"] == "invalid_api_key"
    assert len(proxy.log[since:].splitlines()) <= 2


@pytest.mark.parametrize(
    ("name", "meant"),
    [("demo-agent", AGENT), ("Demo-Agent", AGENT), ("agno/demo-agnt", AGENT), ("agno/demo_agent", AGENT),
     ("demoagent", AGENT), ("AGNO/demo-agent", AGENT), ("agno/github-agnet", "agno/github-agent"),
     ("plain-modle", "plain-model"), ("openai/plain-model", ""), ("gpt-9", ""), ("agno/", ""), ("x", "")],
)  # fmt: skip
def test_an_unknown_model_is_404_and_says_which_one_may_be_meant(proxy: RosterProcess, name: str, meant: str) -> None:
    response = post(proxy, "/v1/chat/completions", {"model": name, "messages": [U]})
    assert response.status_code == 404, response.text
    error = response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "model_not_found", "model")
    assert f"Did you mean {meant}?" in error["message"] if meant else "Did you mean" not in error["message"]


def test_only_models_that_the_caller_may_use_are_meant(proxy: RosterProcess) -> None:
    key = key_of(proxy, "names", models=["agno/dice"])
    for name in ("demo-agent", "agno/demo-agnt", "plain-modle"):
        response = post(proxy, "/v1/chat/completions", {"model": name, "messages": [U]}, key)
        assert response.status_code in {403, 404}
        assert "demo-agent" not in response.text.replace(name, "") and "plain-model" not in response.text
    response = post(proxy, "/v1/chat/completions", {"model": "dice", "messages": [U]}, key)
    assert response.status_code == 404
    assert "Did you mean agno/dice?" in response.json()["error"]["message"]


def test_one_models_address_says_which_one_may_be_meant(proxy: RosterProcess) -> None:
    with proxy.http() as client:
        error = client.get("/v1/models/demo-agent").json()["error"]
    assert error["code"] == "model_not_found" and "Did you mean agno/demo-agent?" in error["message"]


def test_names_are_close_by_few_letters_only() -> None:
    known = ["agno/demo-agent", "agno/dice", "openai/*", "gpt-5", "agno/pair-a", "agno/pair-b"]
    assert did_you_mean("dise", known) == " Did you mean agno/dice?"
    assert did_you_mean("pair-c", known) == " Did you mean agno/pair-a or agno/pair-b?"
    for name in ("", " ", "gpt", "agent", "demo", "x" * 500, "dice\x00\x00\x00", "*", "openai/*x"):
        assert did_you_mean(name, known) == "", name
