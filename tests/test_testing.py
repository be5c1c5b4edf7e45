"""`agentroster.testing`: what authors test with keeps the rules of the proxy."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent

from agentroster import AgentContext, AgentSpec, Limits, NotAllowed, Unreachable
from agentroster.builtin.skills import enrich_hf_metadata
from agentroster.errors import BadInput, UpstreamError, UpstreamUnavailable
from agentroster.skills.registry import Skill
from agentroster.testing import (
    NOBODY,
    Answers,
    Hub,
    Repository,
    ScriptedModel,
    World,
    call,
    context,
    load_skill,
    tool_call,
    write_model,
)
from tests.support.deployment import REPOSITORY

MANIFEST = """\
name: tester
title: Tester
description: Does what it is told.
kind: tools
capabilities:
  http: {hosts: [api.example.com]}
  accounts: {providers: [github, jira]}
  memory:
tools:
  - {name: fetch, description: x, parameters: {type: object, properties: {url: {type: string}}}}
  - {name: whoami, description: x, parameters: {type: object, properties: {account: {type: string}}}}
  - {name: change, description: x, writes: true}
  - {name: peek, description: x}
  - {name: remember, description: x, parameters: {type: object, properties: {value: {type: string}}}}
  - {name: look, description: x}
"""
HANDLER = """\
async def fetch(context, /, url):
    fetched = await context.http.get(url, max_bytes=1000)
    return {"status": fetched.status, "text": fetched.body.decode()}

async def whoami(context, /, account):
    return (await (await context.accounts.open(account)).get("/user", {"full": 1})).json()

async def change(context, /):
    return (await (await context.accounts.open("github")).request("POST", "/issues", json_body={})).status

async def peek(context, /):
    return (await (await context.accounts.open("github")).request("POST", "/issues", json_body={})).status

async def remember(context, /, value=None):
    if value is not None:
        await context.memory.set("it", value)
    return await context.memory.get("it")

async def look(context, /):
    return context.library.find("x")
"""


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    """A skill that reaches for everything it declares, and for a library that it does not."""
    folder = tmp_path / "tester"
    folder.mkdir()
    (folder / "skill.yaml").write_text(MANIFEST, encoding="utf-8")
    (folder / "handler.py").write_text(HANDLER, encoding="utf-8")
    return load_skill(folder)


def sure(world: World, skill: Skill, tool: str, **arguments: object) -> Any:
    done = asyncio.run(world.call(skill, tool, **arguments))
    assert not done.error, done.error
    return done.value


URL = "https://api.example.com/x?a=1"


def teapot(request: httpx.Request) -> httpx.Response:
    return httpx.Response(418, text=str(request.url))


async def slow_teapot(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(0)
    return teapot(request)


@pytest.mark.parametrize(
    ("answers", "status", "text"),
    [
        ({"/x": {"a": [1]}}, 200, '{"a":[1]}'),
        ({URL: "whole"}, 200, "whole"),
        ({"/x?a=1": b"bytes", "/x": 500}, 200, "bytes"),
        ({"POST /x": 500, "GET /x": 204, "/x": 500}, 204, ""),
        ({"https://api.example.com/x": httpx.Response(201, text="made")}, 201, "made"),
        ({}, 404, "The test has no answer for GET /x?a=1."),
        (teapot, 418, URL),
        (slow_teapot, 418, URL),
        (httpx.MockTransport(teapot), 418, URL),
    ],
)
def test_http_is_answered_by_a_table_a_function_or_a_transport(
    skill: Skill, answers: Answers, status: int, text: str
) -> None:
    world = World(http=answers)
    for _ in range(2):
        assert sure(world, skill, "fetch", url=URL) == {"status": status, "text": text}
    assert [str(request.url) for request in world.requests] == [URL, URL]


def test_the_way_out_is_the_real_one(skill: Skill) -> None:
    world = World(http={"/x": httpx.Response(302, headers={"location": "https://evil.example/"}), "/away": OSError()})
    for url in ("https://evil.example/", "http://api.example.com/", URL):
        done = asyncio.run(world.call(skill, "fetch", url=url))
        assert "permitted" in done.error or "only reached over https" in done.error
    assert [request.url.host for request in world.requests] == ["api.example.com"]
    lost = World(http={"/x": httpx.ConnectError("no")})
    assert "cannot be reached" in asyncio.run(lost.call(skill, "fetch", url=URL)).error


def test_accounts_answer_from_a_table_and_keep_their_rules(skill: Skill) -> None:
    world = World(accounts={"github": {"GET /user?full=1": {"login": "anna"}, "POST /issues": 201}})
    assert sure(world, skill, "whoami", account="github") == {"login": "anna"}
    assert sure(world, skill, "change") == 201
    assert "it may only read" in asyncio.run(world.call(skill, "peek")).error
    assert asyncio.run(world.call(skill, "whoami", account="jira")).needs == "jira"
    assert "does not declare" in asyncio.run(world.call(skill, "whoami", account="google")).error
    nobody = World(accounts=world.accounts, caller=NOBODY)
    assert "proven identity" in asyncio.run(nobody.call(skill, "whoami", account="github")).error


def test_memory_lasts_as_long_as_the_world_and_nobody_has_one(skill: Skill) -> None:
    world = World()
    assert sure(world, skill, "remember") is None
    assert sure(world, skill, "remember", value="7") == "7"
    assert sure(world, skill, "remember") == "7"
    assert sure(World(), skill, "remember") is None
    assert sure(World(caller=NOBODY, memory=world.memory), skill, "remember") is None
    assert "somebody I know" in asyncio.run(World(caller=NOBODY).call(skill, "remember", value="7")).error
    assert "too long" in asyncio.run(world.call(skill, "remember", value="x" * 4001)).error


def test_what_is_not_declared_is_not_there_and_arguments_are_checked(skill: Skill, tmp_path: Path) -> None:
    done = asyncio.run(World(library=tmp_path).call(skill, "look"))
    assert "does not declare the capability 'library'" in done.error
    assert asyncio.run(call(skill, "fetch", url=1)).error.startswith("Bad arguments for fetch: url")
    with pytest.raises(BadInput, match="Name a tool of tester: fetch, whoami"):
        asyncio.run(call(skill))


def test_a_function_can_be_called_itself(skill: Skill) -> None:
    made = context(skill, http={"/x": "hello"})
    assert asyncio.run(made.http.get(URL, max_bytes=10)).body == b"hello"
    with pytest.raises(NotAllowed):
        _ = made.library
    with pytest.raises(Unreachable):
        asyncio.run(made.http.get(URL, max_bytes=1))


def test_a_pipeline_runs_with_a_library_a_hub_and_a_model(tmp_path: Path) -> None:
    write_model(tmp_path / "loras" / "ink.safetensors", {"hf_url": "https://huggingface.co/anna/ink"})
    hub = Hub({"anna/ink": Repository(card="---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Ink\n")})
    skill = load_skill(enrich_hf_metadata.__path__[0])
    done = asyncio.run(World(library=tmp_path, hub=hub).call(skill, targets=["ink"]))
    assert done.value["items"][0]["updated"]["base_model"] == "Flux.1 D"
    assert "**loras/ink.safetensors**" in done.shown
    assert "/anna/ink/resolve/main/README.md" in hub.paths
    sidecar = json.loads((tmp_path / "loras" / "ink.metadata.json").read_text(encoding="utf-8"))
    assert sidecar["base_model"] == "Flux.1 D"
    # The predecessor's word for the same argument.
    again = asyncio.run(World(library=tmp_path, hub=hub).call(skill, model_paths=["ink"]))
    assert again.value["unchanged"] == 1


def test_an_agent_runs_whole_with_a_scripted_model(skill: Skill) -> None:
    model = ScriptedModel(
        [tool_call("remember", value="7"), tool_call("fetch", url=URL)], tool_call("whoami", account="jira"), "Done."
    )
    spec = AgentSpec(name="tester", instructions="Be brief.", skills=("tester",))
    world = World(model=model, skills=[skill], http={"/x": "hello"})
    done = asyncio.run(world.run(spec, {"role": "system", "content": "Be kind."}, "Go."))
    assert done.text.startswith("Done.")
    assert "https://connect.test/jira" in done.text
    assert (sorted(done.tools), done.finish) == (["fetch", "remember", "whoami"], "stop")
    assert "Be brief." in model.texts[0] and "Be kind." in model.texts[0] and "Go." in model.texts[0]
    assert '"hello"' in model.texts[1]
    assert {tool["function"]["name"] for tool in model.requests[0].tools} >= {"fetch", "whoami"}
    assert list(world.memory.values()) == ["7"]


def test_an_agent_of_a_factory_and_an_installed_skill_run_too() -> None:
    def build(made: AgentContext) -> Agent:
        """Mixes."""
        return Agent(model=made.model, tools=[*made.tools("colours")], instructions="Mix.")

    spec = AgentSpec(name="mixer", skills=("colours",), factory=build)
    model = ScriptedModel("Mixed.")
    assert asyncio.run(World(model=model).run(spec, "Mix.")).text == "Mixed."
    assert len(model.requests[0].tools) > 0


def test_limits_failures_and_the_end_of_a_script_are_those_of_a_run(skill: Skill) -> None:
    spec = AgentSpec(name="tester", skills=("tester",), limits=Limits(model_calls=1))
    done = asyncio.run(World(model=ScriptedModel(tool_call("remember")), skills=[skill]).run(spec, "Go."))
    assert (done.finish, "limit of 1 model calls" in done.text) == ("length", True)
    plain = AgentSpec(name="tester")
    with pytest.raises(UpstreamError, match="no answer left for request 1"):
        asyncio.run(World(model=ScriptedModel()).run(plain, "Go."))
    with pytest.raises(UpstreamUnavailable):
        asyncio.run(World(model=ScriptedModel(UpstreamUnavailable("Away."))).run(plain, "Go."))
    assert "/help" in asyncio.run(World().run(plain, "Go.")).text


def test_the_test_of_the_page_on_skills_passes_as_it_stands(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "skills.md").read_text(encoding="utf-8")
    [block] = [text for text in re.findall(r"^```python no-run\n(.*?)^```$", page, re.M | re.S) if "load_skill" in text]
    folder = tmp_path / "my-skill"
    folder.mkdir()
    manifest = MANIFEST.replace("name: tester", "name: my-skill").partition("tools:\n")[0]
    (folder / "skill.yaml").write_text(f"{manifest}tools: [{{name: my_login, description: x}}]\n", encoding="utf-8")
    accounts = (REPOSITORY / "docs" / "accounts.md").read_text(encoding="utf-8")
    [handler] = re.findall(r"^```python\n(async def my_login.*?)^```$", accounts, re.M | re.S)
    (folder / "handler.py").write_text(handler, encoding="utf-8")
    (folder / "test_my_skill.py").write_text(block, encoding="utf-8")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=200,
    )
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout


def test_the_hub_refuses_as_the_real_one_does() -> None:
    hub = Hub({"a/b": Repository(card="x", pictures={"p.png": b"p"}), "a/c": Repository(gated=True)})
    client = httpx.Client(transport=httpx.MockTransport(hub), base_url="https://huggingface.co")
    asked = {
        "/a/b/raw/main/README.md": (200, None),
        "/a/b/resolve/main/p.png": (200, None),
        "/api/models/a/b": (200, None),
        "/a/b/raw/main/other.md": (404, "EntryNotFound"),
        "/a/b/raw/v2/README.md": (404, "RevisionNotFound"),
        "/a/c/raw/main/README.md": (401, "GatedRepo"),
        "/a/d/raw/main/README.md": (401, "RepoNotFound"),
    }
    for path, expected in asked.items():
        response = client.get(path)
        assert (response.status_code, response.headers.get("x-error-code")) == expected
