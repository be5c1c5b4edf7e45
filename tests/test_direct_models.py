"""Direct models of the same proxy keep what the operator set for them; agents stay at one run, and are never locked."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.deployment import OPENWEBUI_KEY
from tests.support.endpoints import ask, asked, said
from tests.support.identity import make_key, signed
from tests.support.roster_process import READY, RosterProcess
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"
PATHS = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"]
KEY = "ollama"
CONFIG = """
model_list:
  - {{model_name: plain-model, litellm_params: {plain}}}
  - {{model_name: twins, litellm_params: {plain}}}
  - {{model_name: twins, litellm_params: {dead}}}
  - {{model_name: first, litellm_params: {dead}}}
litellm_settings:
  drop_params: false
  num_retries: 3
  callbacks: [seen.callback]
  success_callback: [seen.success]
  failure_callback: [seen.failure]
router_settings:
  num_retries: 3
  retry_policy: {{DefaultRetries: 3, BadRequestErrorRetries: 3, RateLimitErrorRetries: 3, NotFoundErrorRetries: 3}}
  allowed_fails: 0
  cooldown_time: 60
  fallbacks: [{{first: [plain-model]}}]
"""
CALLBACKS = """
import os
from pathlib import Path
from litellm.integrations.custom_logger import CustomLogger

def _note(kind, *values):
    with Path(os.environ["SEEN_FILE"]).open("a") as file:
        file.write(kind + " " + repr(values) + chr(10))

class Callback(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        _note("before", data.get("model"))
        return data

    def log_pre_api_call(self, model, messages, kwargs):
        _note("call", model)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        _note("logged", kwargs)

callback = Callback()

async def success(kwargs, completion_response, start_time, end_time):
    _note("success", kwargs)

async def failure(kwargs, completion_response, start_time, end_time):
    _note("failure", kwargs)
"""
# What is imported, and when: each line of the log that follows the one that says "ready" came too late.
IMPORTS = """
import sys
def hook(event, arguments):
    if event == "import" and arguments[0].split(".")[0] in ("agno", "agentroster"):
        sys.stderr.write(f"IMPORT {arguments[0]}\\n")
sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def own(
    tmp_path_factory: pytest.TempPathFactory, proxy_environment: dict[str, str], _model_server: tuple[ModelServer, str]
) -> Iterator[RosterProcess]:
    """A proxy whose operator set retries, cooldowns, fallbacks, callbacks and strict parameters for direct models."""
    folder = tmp_path_factory.mktemp("direct")
    server, url = _model_server
    server.keys.add(KEY)
    plain = {"model": "openai/stub", "api_base": f"{url}/v1", "api_key": "os.environ/LLM_API_KEY"}
    dead = {"model": "openai/stub", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"}
    (folder / "proxy_config.yaml").write_text(
        CONFIG.format(plain=json.dumps(plain), dead=json.dumps(dead)), encoding="utf-8"
    )
    (folder / "seen.py").write_text(CALLBACKS, encoding="utf-8")
    (folder / "audit").mkdir()
    (folder / "audit" / "sitecustomize.py").write_text(IMPORTS, encoding="utf-8")
    environment = {**proxy_environment, "LLM_API_KEY": KEY, "SEEN_FILE": str(folder / "seen.txt")}
    environment["PYTHONPATH"] = f"{folder / 'audit'}:{environment['PYTHONPATH']}"
    process = RosterProcess(folder, environment).start()
    (folder / "at-start.txt").write_text(noted(process), encoding="utf-8")
    yield process
    process.stop()
    server.keys.discard(KEY)


def noted(proxy: RosterProcess) -> str:
    seen = proxy.folder / "seen.txt"
    return seen.read_text(encoding="utf-8") if seen.exists() else ""


def wait_for_note(proxy: RosterProcess, text: str, times: int = 1) -> str:
    deadline = time.monotonic() + 30
    while noted(proxy).count(text) < times:
        assert time.monotonic() < deadline, noted(proxy)
        time.sleep(0.05)
    return noted(proxy)


def test_nothing_of_the_start_is_shown_to_callbacks(own: RosterProcess, model_server: ModelServer) -> None:
    assert (own.folder / "at-start.txt").read_text(encoding="utf-8") == ""
    assert "first-seen" in said(ask(own.url, own.master_key, PATHS[0], "plain-model", "script: say first-seen"))
    for kind in ("before", "call", "logged", "success"):
        wait_for_note(own, f"{kind} ")
    assert "/help" not in noted(own)
    assert "'admin'" not in noted(own).split("before", 1)[0]


def test_agno_is_imported_before_ready_and_by_no_request(own: RosterProcess, model_server: ModelServer) -> None:
    assert "early" in said(ask(own.url, own.master_key, PATHS[0], AGENT, "script: say early"))
    tool = 'script: tool colour_palette {"base": "teal"}'
    assert "The tool said" in said(ask(own.url, own.master_key, PATHS[0], AGENT, tool))
    before, after = own.log.split(READY)
    assert "IMPORT agno\n" in before
    assert "IMPORT agno" not in after


@pytest.mark.parametrize("stream", [False, True])
def test_of_two_deployments_one_may_be_dead(own: RosterProcess, model_server: ModelServer, stream: bool) -> None:
    for number in range(6):
        script = f"script: say alive-{number}"
        assert f"alive-{number}" in said(ask(own.url, own.master_key, PATHS[0], "twins", script, stream=stream))


def test_a_fallback_of_direct_models_is_taken(own: RosterProcess, model_server: ModelServer) -> None:
    assert "second" in said(ask(own.url, own.master_key, PATHS[0], "first", "script: say second"))


def test_parameters_are_refused_for_direct_models_and_fine_for_agents(
    own: RosterProcess, model_server: ModelServer
) -> None:
    extra: dict[str, Any] = {"reasoning_effort": "low"}
    strict = ask(own.url, own.master_key, PATHS[0], "plain-model", "script: say strict", thinking={"type": "enabled"})
    assert strict.status_code == 400, strict.text
    assert "thinking" in strict.text
    assert "mild" in said(ask(own.url, own.master_key, PATHS[0], AGENT, "script: say mild", **extra))
    body: dict[str, Any] = {"reasoning": {"effort": "low"}, "temperature": 0.1, "top_p": 0.5}
    assert "mild" in said(ask(own.url, own.master_key, "/v1/responses", AGENT, "script: say mild", **body))
    thinking: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert "mild" in said(ask(own.url, own.master_key, "/v1/messages", AGENT, "script: say mild", **thinking))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("path", PATHS)
def test_an_agents_failure_runs_once_and_waits_for_nothing(
    own: RosterProcess, model_server: ModelServer, path: str, status: int, stream: bool
) -> None:
    marker = f"{status} 30 once-{path.rsplit('/', 1)[1]}-{stream}"
    response = ask(own.url, own.master_key, path, AGENT, f"script: status {marker}", stream=stream)
    assert response.status_code == status, response.text
    assert asked(model_server, marker) == 1
    # LiteLLM says so in the answer when it repeated, and it would have waited 30 seconds, as the server asked for.
    assert response.elapsed.total_seconds() < 20


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_no_failure_of_one_person_locks_an_agent_for_another(
    own: RosterProcess, model_server: ModelServer, status: int
) -> None:
    anna, bert = make_key(own, f"cool-anna-{status}"), make_key(own, f"cool-bert-{status}")
    for _ in range(4):
        assert ask(own.url, anna, PATHS[0], AGENT, f"script: status {status}").status_code >= 400
    assert "still here" in said(ask(own.url, bert, PATHS[0], AGENT, "script: say still here"))


def test_unknown_agents_lock_nobody_out(own: RosterProcess, model_server: ModelServer) -> None:
    for _ in range(4):
        assert ask(own.url, own.master_key, PATHS[0], "agno/nobody", "hello").status_code == 404
    assert "still here" in said(ask(own.url, own.master_key, PATHS[0], AGENT, "script: say still here"))


@pytest.mark.parametrize("path", PATHS)
def test_callbacks_read_what_direct_models_are_asked_and_not_what_agents_are(
    own: RosterProcess, model_server: ModelServer, path: str
) -> None:
    name = path.rsplit("/", 1)[1]
    direct, private = f"said-to-a-model-{name}", f"said-to-an-agent-{name}"
    before = noted(own).count("success ")
    assert private in said(ask(own.url, own.master_key, path, AGENT, f"script: say {private}"))
    ask(own.url, own.master_key, path, AGENT, f"script: status 500 0 {private}")
    assert direct in said(ask(own.url, own.master_key, PATHS[0], "plain-model", f"script: say {direct}"))
    wait_for_note(own, direct)
    text = wait_for_note(own, "success ", before + 2)
    assert private not in text


def test_a_placeholder_key_is_no_secret(own: RosterProcess, model_server: ModelServer) -> None:
    question = "How do I install ollama?\nscript: say You install ollama with its installer; foxes need none."
    answer = said(ask(own.url, own.master_key, PATHS[0], AGENT, question))
    assert "You install ollama with its installer; foxes need none." in answer
    assert "How do I install ollama?" in json.dumps(model_server.requests[-1]["messages"])
    tool = 'script: tool favourite_colour {"colour": "ollama"}'
    answer = said(ask(own.url, own.master_key, PATHS[0], AGENT, tool))
    assert "***" not in answer
    assert "ollama" in json.dumps(model_server.requests[-1]["messages"][-1])


def test_a_user_named_by_a_key_that_may_not_is_said_once_in_the_log_and_in_each_answer(
    own: RosterProcess, model_server: ModelServer
) -> None:
    key = make_key(own, "vain")
    body = {"model": AGENT, "messages": [{"role": "user", "content": "/help"}]}
    wrong = {"model": AGENT, "messages": [{"role": "user", "content": "script: status 500"}]}
    for asking in (key, own.master_key):
        with own.http(asking) as client:
            for name in ("x-openwebui-user-id", "X-OpenWebUI-User-JWT"):
                for sent in (body, {**body, "stream": True}, wrong):
                    answer = client.post(PATHS[0], json=sent, headers={name: "somebody"})
                    assert "may not name users" in answer.headers["x-roster-notice"]
            assert "x-roster-notice" not in client.post(PATHS[0], json=body).headers
    lines = [line for line in own.log.splitlines() if "the user header is ignored" in line]
    assert len([line for line in lines if key.split("_")[1] in line]) == 1
    assert len([line for line in lines if "key master " in line]) == 1
    assert "somebody" not in own.log


def test_a_key_that_may_name_users_gets_no_notice(proxy: RosterProcess) -> None:
    body = {"model": AGENT, "messages": [{"role": "user", "content": "/help"}]}
    with proxy.http(OPENWEBUI_KEY) as client:
        answer = client.post(PATHS[0], json=body, headers=signed("anna"))
    assert answer.status_code == 200
    assert "x-roster-notice" not in answer.headers
