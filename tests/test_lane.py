"""The two lanes of chat completions with agents: which one is taken, and that both answer alike."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.gateway.config.lane import choose_lane
from agentroster.gateway.config.proxy_config import read_config
from tests.support.deployment import PROXY_CONFIG, REPOSITORY
from tests.support.identity import make_key
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"
CHAT = "/v1/chat/completions"


def said(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": AGENT, "messages": [{"role": "user", "content": text}], **fields}


# What may stand in a config, and the key that decides; empty: nothing does.
CONFIGS: list[tuple[str, str]] = [
    ("", ""),
    ("model_list: [{model_name: m, litellm_params: {model: openai/m, rpm: 3}}]", ""),
    ("litellm_settings: {drop_params: true, num_retries: 3, request_timeout: 600, set_verbose: true}", ""),
    ("litellm_settings: {cache: true, cache_params: {type: local}, fallbacks: [{m: [n]}]}", ""),
    ("litellm_settings: {callbacks: [], success_callback: null}", ""),
    ("router_settings: {routing_strategy: simple-shuffle, model_group_alias: {a: m}, allowed_fails: 3}", ""),
    ("general_settings: {master_key: sk-x, background_health_checks: true, health_check_interval: 9}", ""),
    ("environment_variables: {OPENAI_API_KEY: x, LITELLM_LOG: DEBUG}", ""),
    ("mcp_servers: {deepwiki: {url: 'https://example.org/mcp'}}", ""),
    ("litellm_settings: {callbacks: [langfuse]}", "litellm_settings.callbacks"),
    ("litellm_settings: {callbacks: [agentroster.provider.hooks.hooks]}", ""),
    ("litellm_settings: {callbacks: [agentroster.provider.hooks.hooks, langfuse]}", "litellm_settings.callbacks"),
    ((REPOSITORY / "proxy_config.yaml").read_text(encoding="utf-8"), ""),
    ("litellm_settings: {success_callback: [seen.success]}", "litellm_settings.success_callback"),
    ("litellm_settings: {guardrails: [{prompt_injection: {}}]}", "litellm_settings.guardrails"),
    ("litellm_settings: {max_budget: 5}", "litellm_settings.max_budget"),
    ("litellm_settings: {a_setting_of_next_year: true}", "litellm_settings.a_setting_of_next_year"),
    ("router_settings: {redis_host: cache, redis_port: 6379}", "router_settings.redis_host"),
    ("router_settings: {provider_budget_config: {x: {budget_limit: 1}}}", "router_settings.provider_budget_config"),
    ("general_settings: {alerting: [slack]}", "general_settings.alerting"),
    ("general_settings: {allowed_ips: [10.0.0.1]}", "general_settings.allowed_ips"),
    ("general_settings: {global_max_parallel_requests: 4}", "general_settings.global_max_parallel_requests"),
    ("guardrails: [{guardrail_name: pii, litellm_params: {guardrail: presidio}}]", "guardrails"),
    ("prompts: [{prompt_id: x}]", "prompts"),
    ("environment_variables: {LITELLM_MAX_STREAMING_DURATION_SECONDS: '5'}",
     "environment_variables.LITELLM_MAX_STREAMING_DURATION_SECONDS"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), CONFIGS, ids=[text[:60] for text, _ in CONFIGS])
def test_our_own_lane_is_taken_unless_a_setting_may_concern_agents(tmp_path: Path, text: str, key: str) -> None:
    # In an included file, as operators have it too.
    (tmp_path / "more.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "config.yaml").write_text("include: [more.yaml]\n", encoding="utf-8")
    config = read_config(tmp_path / "config.yaml")
    auto, direct, litellm = (choose_lane(wish, config, {}) for wish in ("auto", "direct", "litellm"))
    assert (auto.is_direct, auto.key) == (not key, key)
    assert direct.is_direct
    assert not litellm.is_direct
    assert ("WARNING" in direct.line) == bool(key)
    assert key in auto.line
    assert "ROSTER_LANE" in litellm.line


@pytest.mark.parametrize(
    ("variable", "decides"),
    [
        ("LITELLM_LOG", False), ("LITELLM_SALT_KEY", False), ("OPENAI_API_KEY", False), ("PATH", False),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", False), ("LITELLM_ENABLE_PYROSCOPE", True), ("USE_DDTRACE", True),
        ("REPEATED_STREAMING_CHUNK_LIMIT", True), ("LITELLM_SOMETHING_OF_NEXT_YEAR", True),
    ],
)  # fmt: skip
def test_a_variable_of_litellms_that_may_concern_agents_decides_too(variable: str, decides: bool) -> None:
    lane = choose_lane("auto", {}, {"PATH": "/bin", variable: "1"})
    assert lane.is_direct is not decides
    assert (variable in lane.line) is decides


ASKED: dict[str, dict[str, Any]] = {
    "a question": said("script: say Hello there."),
    "a command": said("/palette teal"),
    "thinking": said("script: think done"),
    "a tool": said('script: tool colour_palette {"base": "red"}'),
    "text of other lines": said("script: say one\u2028two\u0085three"),
    "parts and a system message": {
        "model": AGENT,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "script: say parts"}]},
        ],
    },
    "parameters": said("script: say set", temperature=0.5, max_tokens=5, stop=["x"], seed=3, reasoning_effort="low"),
    "an object": said("script: say {}", response_format={"type": "json_object"}),
    "a model that is away": said("script: status 503"),
    "a model that is busy": said("script: status 429 7"),
    "a model that breaks off": said("script: break"),
    "a limit": said('script: loop colour_palette {"base": "red"}', model="agno/few-calls"),
    "a broken agent": said("hello", model="agno/bad-factory"),
    "an agent that raises": said("hello", model="agno/raiser"),
    "an unknown agent": said("hello", model="agno/nobody"),
    "no messages": {"model": AGENT, "messages": []},
    "a wrong type": said("hello", temperature="hot"),
    "several answers": said("hello", n=2),
    "tools of the client's": said("script: say no tools", tools=[{"type": "function", "function": {"name": "x"}}]),
    "a title": said("### Task:\nGenerate a concise title\n<chat_history>\nUSER: hi\n</chat_history>"),
}
_VARYING = re.compile(r'"(?:id|created)":\s?(?:"[^"]*"|\d+),?\s?|[0-9a-f]{32}|call_\w+|\d+\.\d+ s')


def shape(response: httpx.Response) -> tuple[int, str, Any]:
    """Return the status, the kind and what is said: chunks of one kind joined, as no client tells them apart."""
    kind = response.headers["content-type"].partition(";")[0]
    if kind != "text/event-stream":
        return response.status_code, kind, flat(response.json())
    said: dict[str, Any] = {"content": "", "reasoning_content": "", "rest": []}
    for line in response.text.splitlines():
        if not line.startswith("data: ") or line == "data: [DONE]":
            said["rest"] += [line] * bool(line)
            continue
        value = json.loads(line.removeprefix("data: "))
        choices = value.get("choices") or [{}]
        delta = choices[0].get("delta", {})
        for name in ("content", "reasoning_content"):
            said[name] += delta.get(name) or ""
        rest = (value.get("error"), value.get("event"), value.get("usage"), choices[0].get("finish_reason"))
        said["rest"] += [rest] * any(rest)
    return response.status_code, kind, flat(said)


def flat(value: Any) -> Any:
    return json.loads(_VARYING.sub("", json.dumps(value)))


@pytest.mark.parametrize("wish", ["", "openwebui", "reasoning"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ASKED)
def test_both_lanes_answer_alike(
    auto_lane_proxy: RosterProcess,
    litellm_lane_proxy: RosterProcess,
    model_server: ModelServer,
    name: str,
    stream: bool,
    wish: str,
) -> None:
    body = {**ASKED[name], "stream": stream} | ({"stream_options": {"include_usage": True}} if stream else {})
    answers: list[httpx.Response] = []
    sent: list[Any] = []
    for proxy in (auto_lane_proxy, litellm_lane_proxy):
        model_server.reset()
        with proxy.http() as client:
            answers.append(client.post(CHAT, json=body, headers={"x-agent-events": wish} if wish else {}))
        sent.append(flat(model_server.requests))
    ours, theirs = map(shape, answers)
    assert ours == theirs
    assert sent[0] == sent[1]
    assert answers[0].headers.get("retry-after") == answers[1].headers.get("retry-after")
    assert len(answers[0].headers["x-litellm-call-id"]) > 8 if answers[0].status_code == 200 else True


def test_a_stream_is_cut_into_lines_only_where_its_frames_end(
    auto_lane_proxy: RosterProcess, model_server: ModelServer
) -> None:
    with auto_lane_proxy.http() as client:
        text = client.post(CHAT, json={**ASKED["text of other lines"], "stream": True}).text
    assert all(line.startswith("data: ") for line in text.splitlines() if line)
    assert "\\u2028" in text


def test_a_call_keeps_the_name_that_its_client_gave_it(auto_lane_proxy: RosterProcess) -> None:
    with auto_lane_proxy.http() as client:
        given = client.post(CHAT, json=said("/help"), headers={"x-litellm-call-id": "mine-1"})
        odd = client.post(CHAT, json=said("/help"), headers={"x-litellm-call-id": "<b>" * 99})
    assert given.headers["x-litellm-call-id"] == "mine-1"
    assert "<" not in odd.headers["x-litellm-call-id"]


@pytest.fixture(scope="module")
def quick_ping(
    tmp_path_factory: pytest.TempPathFactory, proxy_environment: dict[str, str], _model_server: tuple[ModelServer, str]
) -> Any:
    """A proxy whose operator wants a sign of life each half second, and has a callback."""
    folder = tmp_path_factory.mktemp("quick-ping")
    more = "litellm_settings: {sse_keepalive_ping_interval_seconds: 0.5, success_callback: [seen.success]}\n"
    config = PROXY_CONFIG.format(base=_model_server[1]) + more
    (folder / "proxy_config.yaml").write_text(config, encoding="utf-8")
    (folder / "seen.py").write_text("async def success(*_): ...\n", encoding="utf-8")
    process = RosterProcess(folder, {**proxy_environment, "ROSTER_LANE": "direct"}).start()
    yield process
    process.stop()


def test_a_lane_that_passes_an_operators_setting_by_says_so_at_the_start(quick_ping: RosterProcess) -> None:
    assert "ROSTER_LANE=direct says: litellm_settings.success_callback does not count for them" in quick_ping.log


def test_a_silent_stream_shows_that_it_lives_and_may_still_fail(
    quick_ping: RosterProcess, model_server: ModelServer
) -> None:
    body = {**said("script: hang"), "stream": True}
    with quick_ping.http() as client, client.stream("POST", CHAT, json=body) as response:
        text = "".join(response.iter_text())
    assert response.status_code == 200
    assert text.startswith(": ping\n\n")
    error = json.loads(text.split("data: ")[1])["error"]
    assert error["code"] == "upstream_timeout"
    assert text.endswith("data: [DONE]\n\n")


def test_the_list_of_direct_models_is_that_of_litellm(auto_lane_proxy: RosterProcess) -> None:
    process = auto_lane_proxy
    keys = {
        "everything": process.master_key,
        "a direct model": make_key(process, "lane-direct", "--model", "plain-model"),
        "a pattern": make_key(process, "lane-pattern", "--model", "plain*"),
        "an agent": make_key(process, "lane-agent", "--model", AGENT),
    }
    for name, key in keys.items():
        with process.http(key) as client:
            # With a wish LiteLLM answers, and without one we do.
            ours, theirs = (client.get(f"/v1/models{query}").json() for query in ("", "?include_metadata=false"))
        direct = [[row for row in body["data"] if not row["id"].startswith("agno/")] for body in (ours, theirs)]
        assert direct[0] == direct[1], name
        assert [row["id"] for row in ours["data"]] == [row["id"] for row in theirs["data"]], name
