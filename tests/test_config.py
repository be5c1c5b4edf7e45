"""Whatever stands in the operator's LiteLLM config: an agent runs once, and answers whoever asked."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster.errors import StartRefused
from agentroster.gateway.config import config_rules
from agentroster.gateway.config.proxy_config import build_config, read_config
from tests.support.deployment import MASTER_KEY, REPOSITORY
from tests.support.endpoints import ask, asked, said
from tests.support.identity import make_key
from tests.support.roster_process import RosterProcess, clean_environment, run_roster
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"
CALLS = "[acompletion, completion, atext_completion, text_completion, aresponses, responses, anthropic_messages]"
RISKY = """
include: [more.yaml]
model_list:
  - {{model_name: plain-model, litellm_params: {plain}}}
  - {{model_name: backup, litellm_params: {plain}}}
  - {{model_name: '*', litellm_params: {plain}}}
  - {{model_name: quick, litellm_params: {{model: agno/demo-agent}}}}
  - {{model_name: quick-too, litellm_params: {{model: demo-agent, custom_llm_provider: agno}}}}
litellm_settings:
  cache: true
  cache_params: {{type: local, mode: default_on, supported_call_types: {calls}}}
  enable_caching_on_provider_specific_optional_params: true
  num_retries: 3
  default_fallbacks: [backup]
  context_window_fallbacks: [{{agno/demo-agent: [backup]}}]
  model_alias_map: {{fast: agno/demo-agent, agno/demo-agent: plain-model}}
  success_callback: [seen.success]
  failure_callback: [seen.failure]
  responses: {{background_mode: {{polling_via_cache: all, native_background_mode: []}}}}
"""
MORE = """
include: [deeper.yaml]
model_list:
  - {{model_name: agno/demo-agent, litellm_params: {plain}}}
general_settings:
  master_key: sk-another-key-of-somebody
  custom_auth: seen.auth
  user_header_name: x-somebody
  user_header_mappings:
    - {{header_name: x-openwebui-user-id, litellm_user_role: internal_user}}
  litellm_key_header_name: x-other-key
  background_health_checks: true
  health_check_interval: 1
  store_prompts_in_spend_logs: true
  pass_through_endpoints:
    - {{path: /v1/chat/completions, target: 'http://127.0.0.1:9/stolen', include_subpath: true}}
    - {{path: /v1, target: 'http://127.0.0.1:9/stolen', include_subpath: true}}
"""
DEEPER = """
router_settings:
  num_retries: 3
  retry_policy: {InternalServerErrorRetries: 3, BadRequestErrorRetries: 3}
  model_group_retry_policy: {agno/demo-agent: {InternalServerErrorRetries: 3}}
  fallbacks: [{agno/demo-agent: [backup]}, {backup: [agno/demo-agent]}, {'*': [backup]}]
  default_fallbacks: [backup]
  model_group_alias: {swift: agno/demo-agent, agno/dice: plain-model}
  cache_responses: true
  caching_groups: [[plain-model, agno/demo-agent]]
  disable_cooldowns: false
  optional_pre_call_checks: [prompt_caching, responses_api_deployment_check]
  enable_pre_call_checks: true
  enable_weighted_failover: true
"""
CALLBACKS = """
import json, os
from pathlib import Path

def _note(kind, kwargs):
    with Path(os.environ["SEEN_FILE"]).open("a") as file:
        file.write(kind + " " + repr(kwargs) + chr(10))

async def success(kwargs, completion_response, start_time, end_time):
    _note("success", kwargs)

async def failure(kwargs, completion_response, start_time, end_time):
    _note("failure", kwargs)

async def auth(request, api_key):
    raise RuntimeError("somebody else's idea of who asks")
"""


@pytest.fixture(scope="module", params=["auto", "direct"])
def risky(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    proxy_environment: dict[str, str],
    _model_server: tuple[ModelServer, str],
) -> Iterator[RosterProcess]:
    """A proxy with everything in its config that would share, repeat or reroute what an agent answers.

    It has callbacks too, for which `auto` means LiteLLM's lane.
    """
    folder = tmp_path_factory.mktemp("risky")
    plain = json.dumps(
        {"model": "openai/stub", "api_base": f"{_model_server[1]}/v1", "api_key": "os.environ/LLM_API_KEY"}
    )
    (folder / "proxy_config.yaml").write_text(RISKY.format(plain=plain, calls=CALLS), encoding="utf-8")
    (folder / "more.yaml").write_text(MORE.format(plain=plain), encoding="utf-8")
    (folder / "deeper.yaml").write_text(DEEPER, encoding="utf-8")
    (folder / "seen.py").write_text(CALLBACKS, encoding="utf-8")
    environment = {"SEEN_FILE": str(folder / "seen.txt"), "ROSTER_LANE": request.param}
    process = RosterProcess(folder, {**proxy_environment, **environment}).start()
    through = "WARNING" if request.param == "direct" else "go through LiteLLM, because of litellm_settings.success_call"
    assert through in process.log
    yield process
    process.stop()


ENDPOINTS = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_nobody_gets_an_answer_that_was_made_for_another(risky: RosterProcess, path: str, stream: bool) -> None:
    name = path.rsplit("/", 1)[1] + str(stream)
    people = {colour: make_key(risky, f"{name}-{colour}") for colour in ("red", "blue")}
    for colour, key in people.items():
        ask(risky.url, key, path, AGENT, f"/favourite {colour}")
    for _ in range(2):
        for colour, key in people.items():
            answer = said(ask(risky.url, key, path, AGENT, "/favourite", stream=stream))
            assert colour in answer
            assert not (people.keys() - {colour}) & set(re.findall(r"\w+", answer))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_same_request_twice_is_two_runs(
    risky: RosterProcess, model_server: ModelServer, path: str, stream: bool
) -> None:
    marker = f"twice-{path.rsplit('/', 1)[1]}-{stream}"
    for _ in range(2):
        assert marker in said(ask(risky.url, MASTER_KEY, path, AGENT, f"script: say {marker}", stream=stream))
    assert asked(model_server, marker) == 2


def test_each_link_to_connect_an_account_is_made_for_whoever_asks(risky: RosterProcess) -> None:
    anna, bert = make_key(risky, "link-anna"), make_key(risky, "link-bert")
    answers = [
        said(ask(risky.url, key, "/v1/chat/completions", AGENT, "/connect github")) for key in (anna, anna, bert)
    ]
    links = [re.findall(r"/roster/connect/([\w-]+)", answer) for answer in answers]
    assert all(len(found) == 1 for found in links)
    assert len({found[0] for found in links}) == 3


def test_caching_of_direct_models_goes_on(risky: RosterProcess, model_server: ModelServer) -> None:
    for _ in range(2):
        text = said(ask(risky.url, MASTER_KEY, "/v1/chat/completions", "plain-model", "script: say cached-words"))
        assert "cached-words" in text
    assert asked(model_server, "cached-words") == 1


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_failed_run_is_neither_repeated_nor_answered_by_another_model(
    risky: RosterProcess, model_server: ModelServer, path: str, status: int
) -> None:
    marker = f"{status} 0 once-{path.rsplit('/', 1)[1]}"
    response = ask(risky.url, MASTER_KEY, path, AGENT, f"script: status {marker}")
    assert response.status_code >= 400, response.text
    assert asked(model_server, marker) == 1


@pytest.mark.parametrize(
    "name", ["quick", "quick-too", "fast", "swift", "AGNO/demo-agent", "agno", "openai/agno/demo-agent"]
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_an_agent_has_no_second_name(risky: RosterProcess, path: str, name: str) -> None:
    response = ask(risky.url, MASTER_KEY, path, name, "/help")
    assert "this list" not in response.text
    assert "Traceback" not in response.text


def test_an_agents_own_name_means_the_agent(risky: RosterProcess) -> None:
    assert "this list" in said(ask(risky.url, MASTER_KEY, "/v1/chat/completions", AGENT, "/help"))
    unknown = ask(risky.url, MASTER_KEY, "/v1/chat/completions", "agno/nobody", "hello")
    assert unknown.status_code == 404


def test_each_thing_that_is_left_out_is_named_in_the_log(risky: RosterProcess) -> None:
    for name in ("quick leads", "router_settings.fallbacks", "router_settings.model_group_alias", "model_alias_map"):
        assert name in risky.log


def test_health_checks_of_models_run_no_agent(risky: RosterProcess, model_server: ModelServer) -> None:
    deadline = time.monotonic() + 60
    while len(model_server.requests) < 4:
        assert time.monotonic() < deadline, "no health check came"
        time.sleep(0.05)
    assert not [body for body in model_server.requests if body.get("tools")]


def test_a_callback_of_the_operators_sees_no_secret(risky: RosterProcess) -> None:
    key, seen = make_key(risky, "watched"), risky.folder / "seen.txt"
    for path in ("/v1/chat/completions", "/v1/messages"):
        ask(risky.url, key, path, AGENT, "/token github ghp_seen0123456789abcdefghijklmnopqrstuv")
    ask(risky.url, key, "/v1/chat/completions", "plain-model", "script: say seen-at-last")
    deadline = time.monotonic() + 30
    while not seen.exists() or seen.read_text(encoding="utf-8").count("success") < 2:
        assert time.monotonic() < deadline, "the callback was not called"
        time.sleep(0.05)
    text = seen.read_text(encoding="utf-8")
    assert "ghp_seen0123456789" not in text
    assert key.split("_", 2)[2] not in text


STUDIO = [{"role": "user", "content": "script: say detour"}]
DETOURS: list[tuple[str, dict[str, Any]]] = [
    ("fallbacks", {"fallbacks": [AGENT]}),
    ("fallbacks", {"fallbacks": [" AGNO/demo-agent"]}),
    ("fallbacks", {"fallbacks": [{"model": AGENT, "messages": STUDIO}]}),
    ("fallbacks", {"fallbacks": [{"plain-model": [AGENT]}]}),
    ("fallbacks", {"fallbacks": [{"model": "demo-agent", "custom_llm_provider": "agno"}]}),
    ("fallbacks", {"fallbacks": [{"litellm_params": {"model": AGENT}}]}),
    ("context_window_fallbacks", {"context_window_fallbacks": [{"plain-model": [AGENT]}]}),
    ("content_policy_fallbacks", {"content_policy_fallbacks": [{"plain-model": [AGENT]}]}),
    ("context_window_fallback_dict", {"context_window_fallback_dict": {"plain-model": AGENT}}),
    ("default_fallbacks", {"default_fallbacks": [AGENT]}),
    ("model_group_alias", {"model_group_alias": {"plain-model": AGENT}}),
    ("router_settings_override", {"router_settings_override": {"fallbacks": [{"plain-model": [AGENT]}]}}),
    ("models", {"models": ["plain-model", AGENT]}),
    ("extra_body", {"extra_body": {"fallbacks": [AGENT]}}),
    ("litellm_params", {"litellm_params": {"model": AGENT}}),
    ("model_list", {"model_list": [{"model_name": "plain-model", "litellm_params": {"model": AGENT}}]}),
    ("user_config", {"user_config": {"model_list": [{"litellm_params": {"model": AGENT}}]}}),
    ("specific_deployment", {"specific_deployment": AGENT}),
    ("custom_llm_provider", {"custom_llm_provider": "agno"}),
    ("mcp_servers", {"mcp_servers": [{"model": AGENT}]}),
    ("something_new", {"something_new": {"of": [{"another": [AGENT]}]}}),
]


@pytest.mark.parametrize(("field", "extra"), DETOURS, ids=lambda value: value if isinstance(value, str) else "")
def test_no_field_of_another_models_request_leads_to_an_agent(
    proxy: RosterProcess, model_server: ModelServer, field: str, extra: dict[str, Any]
) -> None:
    for path in ("/v1/chat/completions", "/v1/responses"):
        response = ask(proxy.url, MASTER_KEY, path, "plain-model", "script: status 500 0 detoured", **extra)
        assert response.status_code == 400, response.text
        assert f"`{field}`" in response.json()["error"]["message"]
    assert not asked(model_server, "detour")


def test_a_conversation_may_speak_of_agents(proxy: RosterProcess, model_server: ModelServer) -> None:
    tool = {"type": "function", "function": {"name": "ask", "description": "asks agno/demo-agent", "parameters": {}}}
    extra: dict[str, Any] = {"tools": [tool], "user": "agno/anna", "stop": ["agno/"]}
    response = ask(proxy.url, MASTER_KEY, "/v1/chat/completions", "plain-model", "script: say agno/demo-agent", **extra)
    assert "agno/demo-agent" in said(response)


def test_settings_that_agents_cannot_live_with_are_refused_in_one_line(tmp_path: Path) -> None:
    refused = [
        ("general_settings", "completion_model", "gpt"),
        ("general_settings", "database_url", "postgresql://x"),
        ("general_settings", "store_model_in_db", True),
        ("general_settings", "enforce_user_param", True),
        ("litellm_settings", "model_fallbacks", ["gpt"]),
        ("environment_variables", "LITELLM_MASTER_KEY", "sk-x"),
        ("environment_variables", "DATABASE_URL", "postgresql://x"),
        ("environment_variables", "ROSTER_OPENWEBUI_KEY", "x"),
    ]
    for section, name, value in refused:
        with pytest.raises(StartRefused) as refusal:
            build_config({section: {name: value}}, [])
        assert name in refusal.value.message
        assert "\n" not in refusal.value.message
    config = tmp_path / "config.yaml"
    config.write_text("include: [inner.yaml]\n", encoding="utf-8")
    (tmp_path / "inner.yaml").write_text("general_settings: {completion_model: gpt}\n", encoding="utf-8")
    environment = {"LITELLM_MASTER_KEY": MASTER_KEY, "ROSTER_DATA_DIR": str(tmp_path / "data")}
    done = run_roster("serve", "--port", "0", "--config", str(config), environment=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert "completion_model" in done.stderr
    assert "Traceback" not in done.stderr


def test_included_files_are_merged_as_litellm_does(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    files = {
        "config.yaml": "include: [inner/a.yaml, b.yaml]\n"
        "model_list: [{model_name: one}]\nrouter_settings: {timeout: 1}\n",
        "inner/a.yaml": "include: [c.yaml, ../config.yaml]\n"
        "model_list: [{model_name: two}]\nrouter_settings: {max_fallbacks: 2}\n",
        "b.yaml": "model_list: [{model_name: three}]\n",
        "inner/c.yaml": "model_list: [{model_name: four}]\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = read_config(tmp_path / "config.yaml")
    assert [entry["model_name"] for entry in config["model_list"]] == ["one", "two", "three", "four"]
    assert config["router_settings"] == {"max_fallbacks": 2}
    assert "include" not in config
    (tmp_path / "b.yaml").write_text("- a list\n", encoding="utf-8")
    with pytest.raises(StartRefused, match=r"b\.yaml"):
        read_config(tmp_path / "config.yaml")
    (tmp_path / "b.yaml").unlink()
    with pytest.raises(StartRefused, match=r"b\.yaml"):
        read_config(tmp_path / "config.yaml")


def test_the_table_of_the_documentation_is_made_from_the_rules() -> None:
    assert config_rules.table() in (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")


PLAIN_SETTINGS = (
    "  cache: true\n  cache_params: {type: local, supported_call_types: CALLS}\n  default_fallbacks: [plain-model]\n"
)


@pytest.fixture(scope="module")
def plain_litellm(
    tmp_path_factory: pytest.TempPathFactory, proxy_environment: dict[str, str], _model_server: tuple[ModelServer, str]
) -> Iterator[str]:
    """Plain `litellm` with the shipped config, a cache, and other names for an agent; its address."""
    folder = tmp_path_factory.mktemp("plain")
    plain = {"model": "openai/stub", "api_base": f"{_model_server[1]}/v1", "api_key": "os.environ/LLM_API_KEY"}
    entries = [
        {"model_name": "plain-model", "litellm_params": plain},
        {"model_name": "quick", "litellm_params": {"model": AGENT}},
    ]
    text = (REPOSITORY / "proxy_config.yaml").read_text(encoding="utf-8")
    text = text.replace("model_list:\n", "model_list:\n" + "".join(f"  - {json.dumps(entry)}\n" for entry in entries))
    text = text.replace("litellm_settings:\n", "litellm_settings:\n" + PLAIN_SETTINGS.replace("CALLS", CALLS))
    more = "  model_group_alias: {swift: agno/demo-agent}\n  default_litellm_params: {mock_response: mocked}\n"
    text += f"\nrouter_settings:\n{more}"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**proxy_environment, "ROSTER_DATA_DIR": str(folder / "data"), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(Path(sys.executable).with_name("litellm")), "--config", "config.yaml", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=clean_environment(**environment), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        try:
            if httpx.get(f"{url}/health/liveliness", trust_env=False).status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield url
    os.kill(process.pid, signal.SIGTERM)
    process.wait(30)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_plain_litellm_runs_an_agent_for_each_request_too(
    plain_litellm: str, model_server: ModelServer, path: str, stream: bool
) -> None:
    marker = f"plain-{path.rsplit('/', 1)[1]}-{stream}"
    for _ in range(2):
        assert marker in said(ask(plain_litellm, MASTER_KEY, path, AGENT, f"script: say {marker}", stream=stream))
    assert asked(model_server, marker) == 2


def test_plain_litellm_keeps_agents_behind_their_own_names(plain_litellm: str, model_server: ModelServer) -> None:
    for name in ("quick", "swift"):
        response = ask(plain_litellm, MASTER_KEY, "/v1/chat/completions", name, "/help")
        assert "this list" not in response.text
    for path in ENDPOINTS[:1]:
        response = ask(plain_litellm, MASTER_KEY, path, "plain-model", "script: status 500", fallbacks=[AGENT])
        assert response.status_code == 400, response.text
    failed = ask(plain_litellm, MASTER_KEY, "/v1/chat/completions", AGENT, "script: status 500 0 plainly")
    assert failed.status_code >= 500
    assert asked(model_server, "plainly") == 1
