"""What a key permits at every door, who a person is for LiteLLM, and whose name `admin` is."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.rights import Rights
from agentroster.agents.spec import AgentSpec
from agentroster.db.database import Database
from agentroster.errors import BadInput, NotAllowed
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.settings.settings import Settings
from tests.support.deployment import OPENWEBUI_KEY
from tests.support.identity import favourite, make_key, remember, say, signed
from tests.support.roster_process import RosterProcess, run_roster
from tests.support.stand_ins.serving import serving

ENRICH, DEMO, SKILL = "agno/enrich-metadata", "agno/demo-agent", "enrich-hf-metadata"
OWN_MODEL = "/roster/api/me/llm"


@pytest.fixture
def doors(offline_proxy: RosterProcess) -> Iterator[Any]:
    """Call one of our own addresses with a key."""

    def call(key: str, method: str, path: str, body: Any = None) -> httpx.Response:
        with offline_proxy.http(key) as client:
            return client.request(method, path, json=body)

    yield call


def test_a_key_for_other_models_opens_none_of_our_doors(offline_proxy: RosterProcess, doors: Any) -> None:
    key = make_key(offline_proxy, "cheap", "--model", "cheap")
    for method, path, body in [
        ("GET", "/roster/api/skills", None),
        ("POST", f"/roster/api/skills/{SKILL}/execute", {"targets": ["everything"]}),
        ("POST", "/roster/api/skills/no-such-skill/execute", {}),
        ("GET", OWN_MODEL, None),
        ("PUT", OWN_MODEL, {"base_url": "https://models.example/v1", "model": "m", "api_key": "k"}),
        ("DELETE", OWN_MODEL, None),
        ("POST", f"{OWN_MODEL}/test", {}),
    ]:
        response = doors(key, method, path, body)
        assert response.status_code == 403, (path, response.text)
        assert "cheap" in response.json()["error"]["message"]
        assert SKILL not in response.text.replace(f"'{SKILL}'", "")
    assert doors(key, "GET", "/roster/api/jobs").json() == {"data": []}
    assert say(offline_proxy, "/help", key).status_code == 403


def test_a_key_for_an_agent_runs_the_skills_of_that_agent_and_no_others(
    offline_proxy: RosterProcess, doors: Any, library_root: Path
) -> None:
    enrich = make_key(offline_proxy, "narrow", "--model", ENRICH)
    demo = make_key(offline_proxy, "narrow", "--model", DEMO)
    assert {row["name"] for row in doors(enrich, "GET", "/roster/api/skills").json()["data"]} == {SKILL}
    assert SKILL not in {row["name"] for row in doors(demo, "GET", "/roster/api/skills").json()["data"]}
    (library_root / "narrow").mkdir(exist_ok=True)
    body = {"targets": ["narrow/"]}
    begun = doors(enrich, "POST", f"/roster/api/skills/{SKILL}/execute", body)
    assert begun.status_code == 202, begun.text
    assert doors(demo, "POST", f"/roster/api/skills/{SKILL}/execute", body).status_code == 403
    assert doors(enrich, "GET", OWN_MODEL).status_code == 200


@pytest.mark.parametrize("name", [SKILL, SKILL.replace("-", "_"), "enrich_hf-metadata"])
@pytest.mark.parametrize("argument", ["targets", "model_paths"])
def test_both_forms_of_a_skills_name_and_of_its_argument_mean_the_same_at_this_door(
    offline_proxy: RosterProcess, doors: Any, library_root: Path, name: str, argument: str
) -> None:
    enrich = make_key(offline_proxy, "forms", "--model", ENRICH)
    demo = make_key(offline_proxy, "forms", "--model", DEMO)
    (library_root / "forms").mkdir(exist_ok=True)
    body = {argument: ["forms/"]}
    begun = doors(enrich, "POST", f"/roster/api/skills/{name}/execute", body)
    assert begun.status_code == 202, begun.text
    job = doors(enrich, "GET", f"/roster/api/jobs/{begun.json()['id']}").json()
    assert (job["skill"], job["input"]) == (SKILL, body)
    assert doors(demo, "POST", f"/roster/api/skills/{name}/execute", body).status_code == 403
    assert doors(demo, "GET", f"/roster/api/jobs/{begun.json()['id']}").status_code == 404
    both = doors(enrich, "POST", f"/roster/api/skills/{name}/execute", {"targets": ["forms/"], "model_paths": ["x"]})
    assert both.status_code == 422


def test_a_narrow_key_neither_sees_nor_stops_what_it_could_not_run(
    offline_proxy: RosterProcess, doors: Any, library_root: Path
) -> None:
    wide = make_key(offline_proxy, "both")
    demo = make_key(offline_proxy, "both", "--model", DEMO)
    enrich = make_key(offline_proxy, "both", "--model", ENRICH)
    (library_root / "both").mkdir(exist_ok=True)
    job = doors(wide, "POST", f"/roster/api/skills/{SKILL}/execute", {"targets": ["both/"]}).json()["id"]
    for path in (f"/roster/api/jobs/{job}", f"/roster/api/jobs/{job}/events"):
        assert doors(demo, "GET", path).status_code == 404
        assert doors(enrich, "GET", path).status_code == 200
    assert doors(demo, "POST", f"/roster/api/jobs/{job}/cancel").status_code == 404
    assert doors(demo, "GET", "/roster/api/jobs").json()["data"] == []
    assert [row["id"] for row in doors(enrich, "GET", "/roster/api/jobs").json()["data"]] == [job]


def test_a_star_in_a_list_means_the_same_at_every_door(offline_proxy: RosterProcess, doors: Any) -> None:
    key = make_key(offline_proxy, "star", "--model", "agno/*")
    some = make_key(offline_proxy, "star", "--model", "agno/enrich-*")
    assert say(offline_proxy, "/help", key).status_code == 200
    assert say(offline_proxy, "/help", some).status_code == 403
    assert say(offline_proxy, "/help", some, model=ENRICH).status_code == 200
    listed = {row["id"] for row in doors(key, "GET", "/v1/models").json()["data"]}
    assert {ENRICH, DEMO} <= listed
    assert "agno/*" not in listed
    assert [row["id"] for row in doors(some, "GET", "/v1/models").json()["data"]] == [ENRICH]
    assert SKILL in {row["name"] for row in doors(key, "GET", "/roster/api/skills").json()["data"]}
    assert {row["name"] for row in doors(some, "GET", "/roster/api/skills").json()["data"]} == {SKILL}


def test_a_job_that_waited_is_asked_about_again() -> None:
    caller = Caller(user="anna", proof="own_key", models=("agno/one",))
    before = Rights(AgentRegistry.of(AgentSpec(name="one", skills=["a"]), AgentSpec(name="two", skills=["b"])))
    after = Rights(AgentRegistry.of(AgentSpec(name="one")))
    before.require_skill(caller, "a")
    for rights, skill in ((before, "b"), (after, "a"), (before, "no-such-skill")):
        with pytest.raises(NotAllowed):
            rights.require_skill(caller, skill)
    after.require_skill(Caller(user="anna", proof="own_key"), "a")


@pytest.mark.parametrize("word", ["all-proxy-models", "all-team-models", "no-default-models"])
def test_a_word_of_litellms_is_no_model(tmp_path: Path, word: str) -> None:
    with closing_database(tmp_path) as database, pytest.raises(BadInput, match=word):
        KeyStore(database).create(user="anna", models=["agno/demo-agent", word])


class Responses:
    """A stand-in for OpenAI's Responses API: stores nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.app = Starlette(routes=[Route("/v1/responses", self.create, methods=["POST"])])

    async def create(self, request: Request) -> JSONResponse:
        self.asked.append(await request.json())
        text = {"type": "output_text", "text": "hello", "annotations": []}
        message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        return JSONResponse(
            {
                "id": f"resp_upstream{len(self.asked)}",
                "object": "response",
                "created_at": 1,
                "status": "completed",
                "model": "gpt-5.2-mini",
                "output": [message],
                "parallel_tool_calls": True,
                "tool_choice": "auto",
                "tools": [],
                "usage": usage,
                "metadata": {},
            }
        )


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, proxy_environment: dict[str, str]
) -> Iterator[tuple[RosterProcess, Responses]]:
    """A proxy with a direct model that keeps responses."""
    upstream, folder = Responses(), tmp_path_factory.mktemp("stored")
    with serving(upstream.app) as url:
        params = json.dumps({"model": "openai/gpt-5.2-mini", "api_base": f"{url}/v1", "api_key": "k"})
        more = "general_settings:\n  user_header_mappings: [{header_name: x-who, litellm_user_role: internal_user}]\n"
        text = f"model_list:\n  - {{model_name: direct, litellm_params: {params}}}\n{more}"
        (folder / "proxy_config.yaml").write_text(text, encoding="utf-8")
        process = RosterProcess(folder, proxy_environment).start()
        yield process, upstream
        process.stop()


def respond(proxy: RosterProcess, key: str, headers: Any = None, **extra: Any) -> httpx.Response:
    with proxy.http(key) as client:
        return client.post("/v1/responses", json={"model": "direct", "input": "hi", **extra}, headers=headers)


def test_a_person_is_issuer_and_user_for_stored_responses_too(stored: tuple[RosterProcess, Responses]) -> None:
    proxy, upstream = stored
    people: dict[str, tuple[str, Any]] = {
        "key u1": (make_key(proxy, "u1"), None),
        "another key": (make_key(proxy, "u2"), None),
        "signed u1": (OPENWEBUI_KEY, signed("u1")),
        "signed other": (OPENWEBUI_KEY, signed("u1;x")),
        "key of both": (make_key(proxy, "open-webui:u1"), None),
        "key with a header": (make_key(proxy, "u3"), {"x-who": "roster:u1"}),
        "odd key": (make_key(proxy, "u1;team_id:x"), None),
    }
    ids: dict[str, str] = {}
    for name, (key, headers) in people.items():
        response = respond(proxy, key, headers)
        assert response.status_code == 200, response.text
        ids[name] = response.json()["id"]
    for owner, response_id in ids.items():
        for name, (key, headers) in people.items():
            before = len(upstream.asked)
            response = respond(proxy, key, headers, previous_response_id=response_id)
            assert response.status_code == (200 if name == owner else 403), (owner, name, response.text)
            assert len(upstream.asked) == before + (name == owner)


def test_an_open_webui_user_called_admin_is_not_the_operator(proxy: RosterProcess) -> None:
    remember(proxy, proxy.master_key, "green")
    assert "green" not in favourite(proxy, OPENWEBUI_KEY, signed("admin"))


@pytest.mark.parametrize(
    "name",
    ["admin", "Admin", " ADMIN ", "ａｄｍｉｎ", "аdmin", "admіn", "ad-min", "àdmin", "adm1n", "аԁміп", "a d m i n"],
)
def test_no_key_is_made_for_the_operators_name(tmp_path: Path, name: str) -> None:
    with closing_database(tmp_path) as database:
        for forwarder in (False, True):
            with pytest.raises(BadInput, match="operator"):
                KeyStore(database).create(user=name, forwarder=forwarder)
        for other in ("admin2", "badmin", "administrator", "anna", "адам"):
            KeyStore(database).create(user=other)


def test_the_command_says_that_the_name_is_taken(tmp_path: Path) -> None:
    done = run_roster("keys", "create", "--init", "--user", "Admin", environment={"ROSTER_DATA_DIR": str(tmp_path)})
    assert done.returncode != 0
    assert "operator" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_key_for_the_operators_name_is_not_the_operator(offline_proxy: RosterProcess, doors: Any) -> None:
    remember(offline_proxy, offline_proxy.master_key, "violet")
    key = make_key(offline_proxy, "older")
    with closing(sqlite3.connect(offline_proxy.data_dir / "roster.db", timeout=20)) as database:
        database.execute("UPDATE api_keys SET \"user\" = 'admin' WHERE id = ?", [key.split("_")[1]])
        database.commit()
    for response in (
        say(offline_proxy, "/favourite", key),
        doors(key, "GET", "/v1/models"),
        doors(key, "GET", OWN_MODEL),
        doors(key, "GET", "/roster/api/jobs"),
    ):
        assert response.status_code == 403, response.text
        assert "violet" not in response.text
        assert "admin" in response.json()["error"]["message"]
    assert "violet" in favourite(offline_proxy, offline_proxy.master_key)


def closing_database(folder: Path) -> closing[Database]:
    return closing(Database.open(folder / "roster.db", ROSTER_SCHEMA))


@pytest.mark.anyio
async def test_a_key_that_names_nobody_is_still_one_holder_for_litellm(tmp_path: Path) -> None:
    with closing_database(tmp_path) as database:
        keys = KeyStore(database)
        settings: Any = Settings
        who = Authenticator(settings(data_dir=tmp_path), keys)
        callers = [
            await who.authenticate(keys.create(user=f"f{number}", forwarder=True)[1], lambda _: []) for number in (1, 2)
        ]
    assert all(caller.user is None for caller in callers)
    assert len({caller.qualified_user for caller in callers}) == 2
