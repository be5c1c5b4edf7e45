"""The live registry through the public door: agents come, change and go while the proxy runs."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import openai
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.spec import AgentSpec
from agentroster.gateway.model_names import ModelNames
from agentroster.identity.caller import Caller
from tests.support.chatting import Person
from tests.support.deployment import JWT_SECRET, OPENWEBUI_KEY, PROXY_CONFIG, REPOSITORY
from tests.support.endings import Following, body_of, wait_for
from tests.support.identity import make_key, signed
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import KEY, ModelServer
from tests.support.stand_ins.serving import serving

SMALL_KEY = "small-canary-backend-key-77f1"
FIRST = """
[agents.steady]
title = "Steady"
instructions = "You are steady."
suggestions = ["Hold on"]

[agents.hidden]
enabled = false
"""


class Served:
    """A proxy, its agents file, and the model servers behind it."""

    def __init__(self, proxy: RosterProcess, path: Path, small: ModelServer, small_url: str) -> None:
        self.proxy, self.path, self.small, self.small_url = proxy, path, small, small_url

    def write(self, more: str, first: str = FIRST) -> None:
        """Save the file as editors do: another one takes its place."""
        made = self.path.with_suffix(".new")
        made.write_text(first + more, encoding="utf-8")
        made.replace(self.path)

    def listed(self, key: str | None = None) -> dict[str, object]:
        return {row.id: row for row in self.proxy.openai(key).models.list()}

    def until_listed(self, name: str, *, there: bool = True) -> None:
        wait_for(lambda: (name in self.listed()) is there, f"{name} is not {'there' if there else 'gone'}")

    def ask(self, model: str, text: str = "Hello", key: str | None = None) -> str:
        answer = self.proxy.openai(key).chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}]
        )
        return answer.choices[0].message.content or ""

    def logged(self, since: int) -> str:
        return self.proxy.log[since:]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory,
    base_environment: dict[str, str],
    _model_server: tuple[ModelServer, str],
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "proxy_config.yaml").write_text(PROXY_CONFIG.format(base=_model_server[1]), encoding="utf-8")
    (folder / "agents.toml").write_text(FIRST, encoding="utf-8")
    small = ModelServer()
    small.keys = {SMALL_KEY}
    environment = {
        **base_environment,
        "ROSTER_OPENWEBUI_JWT_SECRET": JWT_SECRET,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "stub",
        "LLM_API_BASE": f"{_model_server[1]}/v1",
        "LLM_API_KEY": KEY,
        "SMALL_KEY": SMALL_KEY,
    }
    with serving(small.app) as url:
        process = RosterProcess(folder, environment).start()
        yield Served(process, folder / "agents.toml", small, url)
        process.stop()


@pytest.fixture
def served(running: Served, model_server: ModelServer) -> Iterator[Served]:
    running.small.reset()
    running.small.keys = {SMALL_KEY}
    yield running
    running.write("")
    wait_for(
        lambda: set(running.listed()) & {"agno/steady", "agno/guest"} == {"agno/steady"}, "the file does not count"
    )


def test_an_agent_of_the_file_is_listed_and_answers(served: Served, model_server: ModelServer) -> None:
    row = served.proxy.openai().models.retrieve("agno/steady").model_dump()
    assert (row["name"], row["object"]) == ("Steady", "model")
    assert row["info"]["meta"]["suggestion_prompts"][0]["content"] == "Hold on"
    assert {"agno/demo-agent", "agno/steady", "plain-model"} <= served.listed().keys()
    assert served.ask("agno/steady") == "Hello from the model."
    assert "You are steady." in str(model_server.requests[-1]["messages"][0])


def test_an_agent_that_is_not_enabled_is_nowhere(served: Served) -> None:
    assert "agno/hidden" not in served.listed()
    with pytest.raises(openai.NotFoundError):
        served.ask("agno/hidden")
    with pytest.raises(openai.NotFoundError):
        served.proxy.openai().models.retrieve("agno/hidden")


def test_an_agent_comes_changes_and_goes_while_the_proxy_runs(served: Served, model_server: ModelServer) -> None:
    served.write('[agents.guest]\ninstructions = "You are new."\n')
    served.until_listed("agno/guest")
    assert served.ask("agno/guest") == "Hello from the model."
    assert "You are new." in str(model_server.requests[-1]["messages"][0])
    start = len(served.proxy.log)
    served.write('[agents.guest]\ninstructions = "You are changed."\n')
    wait_for(lambda: "changed: guest" in served.logged(start), "the change does not count")
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages"):
        with served.proxy.http() as client:
            assert client.post(path, json=body_of(path, "Hi", "agno/guest", stream=False)).status_code == 200, path
        assert "You are changed." in str(model_server.requests[-1]["messages"][0])
    served.write("")
    served.until_listed("agno/guest", there=False)
    with pytest.raises(openai.NotFoundError) as refused:
        served.ask("agno/guest")
    assert "agno/steady" in str(refused.value)


def test_a_mistake_in_the_file_loses_nothing_and_is_one_line_of_the_log(served: Served) -> None:
    served.write('[agents.guest]\ninstructions = "You are new."\n')
    served.until_listed("agno/guest")
    start = len(served.proxy.log)
    served.write("[agents.guest\n")
    wait_for(lambda: "not valid TOML" in served.logged(start), "the mistake is not logged")
    served.write('[agents.guest]\ninstuctions = "x"\n[agents.other]\n')
    served.until_listed("agno/other")
    served.path.unlink()
    wait_for(lambda: "is not there" in served.logged(start), "that it is gone is not logged")
    assert {"agno/steady", "agno/guest", "agno/other"} <= served.listed().keys()
    assert served.ask("agno/guest")
    lines = served.logged(start).splitlines()
    assert len([line for line in lines if "not valid TOML" in line]) == 1
    assert (
        len([line for line in lines if 'did you mean "instructions"' in line and "kept as before: guest" in line]) == 1
    )
    assert len([line for line in lines if "is not there" in line]) == 1


def test_a_hangup_reloads_and_what_runs_goes_on_as_it_began(served: Served, model_server: ModelServer) -> None:
    served.write(f"""
[backends.small]
base_url = "{served.small_url}/v1"
model = "tiny"
api_key_env = "SMALL_KEY"
[agents.guest]
instructions = "The first words."
backend = "small"
""")
    served.until_listed("agno/guest")
    path = "/v1/chat/completions"
    open_one = Following(
        served.proxy, path, body_of(path, "script: gated a few words", "agno/guest", stream=True)
    ).begun()
    start = len(served.proxy.log)
    served.write("[agents.late]\n")
    assert served.proxy.process
    served.proxy.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP: " in served.logged(start), "the hangup is not logged")
    assert {"agno/guest", "agno/late"} & served.listed().keys() == {"agno/late"}
    served.small.release.set()
    assert open_one.ended().data[-1] == "[DONE]"
    assert "error" not in open_one.text
    served.proxy.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "SIGHUP: nothing changed" in served.logged(start), "the second one is not logged")


def test_a_backend_is_asked_with_its_own_key_and_model(served: Served, model_server: ModelServer) -> None:
    served.write(f"""
[backends.small]
base_url = "{served.small_url}/v1"
model = "tiny"
api_key_env = "SMALL_KEY"
[agents.guest]
backend = "small"
[agents.second]
backend = "small"
model = "tinier"
[agents.plain]
backend = "default"
""")
    served.until_listed("agno/plain")
    assert served.ask("agno/guest") == "Hello from the model."
    assert served.ask("agno/second") == "Hello from the model."
    assert [request["model"] for request in served.small.requests] == ["tiny", "tinier"]
    assert not model_server.requests
    assert served.ask("agno/plain") == "Hello from the model."
    assert [request["model"] for request in model_server.requests] == ["stub"]
    served.small.keys = {"another"}
    with pytest.raises(openai.APIStatusError) as refused:
        served.ask("agno/guest")
    assert "the backend small" in str(refused.value)


def test_the_key_of_a_backend_is_shown_nowhere(served: Served) -> None:
    async def tell(request: Request) -> JSONResponse:
        return JSONResponse({"error": {"message": f"Bad words: {request.headers['authorization'][7:]}!"}}, 400)

    with serving(Starlette(routes=[Route("/v1/chat/completions", tell, methods=["POST"])])) as url:
        served.write(f"""
[backends.teller]
base_url = "{url}/v1"
model = "tiny"
api_key_env = "SMALL_KEY"
[agents.guest]
backend = "teller"
""")
        served.until_listed("agno/guest")
        with pytest.raises(openai.BadRequestError) as refused:
            served.ask("agno/guest")
    assert "Bad words: ***!" in str(refused.value)
    assert SMALL_KEY not in str(refused.value)
    assert SMALL_KEY not in served.proxy.log


def test_a_key_gets_its_own_list_and_a_forwarder_one_for_everybody(served: Served) -> None:
    served.write("[agents.guest]\n")
    served.until_listed("agno/guest")
    proxy = served.proxy
    guest = make_key(proxy, "guest", "--model", "agno/guest")
    some = make_key(proxy, "some", "--model", "agno/g*", "--model", "plain-model")
    assert set(served.listed(guest)) == {"agno/guest"}
    assert set(served.listed(some)) == {"agno/guest", "agno/github-agent", "plain-model"}
    assert served.ask("agno/guest", key=guest)
    assert served.ask("agno/guest", key=some)
    for key in (guest, some):
        with pytest.raises(openai.NotFoundError):
            proxy.openai(key).models.retrieve("agno/steady")
        with pytest.raises(openai.PermissionDeniedError):
            served.ask("agno/steady", key=key)
    lists: list[object] = []
    for user in ("a", "b"):
        with proxy.http(OPENWEBUI_KEY) as client:
            lists.append(client.get("/v1/models", headers=signed(user)).json())
    assert lists[0] == lists[1]
    own = Person(proxy, "anna").key
    assert [row["id"] for row in lists[0]["data"]] == list(served.listed(own))  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_one_model_is_found_by_its_address_or_its_neighbours_are_named(served: Served, prefix: str) -> None:
    with served.proxy.http() as client:
        for name in ("agno/steady", "agno%2Fsteady", "plain-model"):
            found = client.get(f"{prefix}/models/{name}")
            assert (found.status_code, found.json()["id"]) == (200, name.replace("%2F", "/"))
        for name, meant in [("agno/stedy", "agno/steady"), ("plain-modle", "plain-model"), ("agno/*", "")]:
            missing = client.get(f"{prefix}/models/{name}")
            assert missing.status_code == 404, missing.text
            assert meant in missing.json()["error"]["message"]
            assert missing.json()["error"]["code"] == "model_not_found"
    assert served.proxy.openai().models.retrieve("plain-model").id == "plain-model"


@pytest.mark.parametrize(
    ("headers", "query", "section", "name"),
    [({"anthropic-version": "2023-06-01"}, "", "data", "id"), ({}, "?client_version=0.159.3", "models", "slug")],
)
def test_lists_in_other_clients_shapes_are_live_too(
    served: Served, headers: dict[str, str], query: str, section: str, name: str
) -> None:
    served.write("[agents.guest]\n")
    served.until_listed("agno/guest")
    with served.proxy.http() as client:
        body = client.get(f"/v1/models{query}", headers=headers).json()
    found = {row[name] for row in body[section]}
    assert {"agno/guest", "agno/steady", "agno/demo-agent", "plain-model"} <= found
    assert not found & {"agno/*", "agno/hidden"}


def test_plain_litellm_has_a_row_for_each_agent_that_comes_in_the_box() -> None:
    config = yaml.safe_load((REPOSITORY / "proxy_config.yaml").read_text(encoding="utf-8"))
    entries = [entry for entry in entry_points(group="agentroster.agents") if entry.dist]
    own = [entry.name for entry in entries if entry.dist and entry.dist.name == "agentroster"]
    assert {row["model_name"] for row in config["model_list"]} == {f"agno/{name}" for name in own} | {"agno/*"}


# --- what it costs


def calls_in(work: Callable[[], object]) -> int:
    """Count the calls of Python functions."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_a_lookup_costs_the_same_with_a_thousand_agents() -> None:
    caller = Caller(user="anna", proof="own_key")

    def cost(number: int) -> int:
        registry = AgentRegistry.of(*(AgentSpec(name=f"a{one}") for one in range(number)))
        names = ModelNames(registry)
        return calls_in(lambda: [names.check_agent("agno/a0", caller), names.is_known("agno/a0"), registry.get("a0")])

    assert cost(1000) == cost(1)


def test_a_container_with_a_folder_of_its_own_names_the_file_by_option_and_variable(tmp_path: Path) -> None:
    """The option wins over the variable, and a file that is named must be there."""
    from tests.support.roster_process import ROSTER, clean_environment  # noqa: PLC0415

    command = [ROSTER, "serve", "--port", "0", "--data-dir", str(tmp_path / "d"), "--agents-file", str(tmp_path / "no")]
    done = subprocess.run(
        command,
        env=clean_environment(ROSTER_AGENTS_FILE=str(tmp_path / "other")),
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert f"{tmp_path / 'no'} is not there" in done.stderr
    assert "Traceback" not in done.stderr
