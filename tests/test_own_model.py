"""A person's own language model: before the deployment's, tried for real, its key never shown again."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.chatting import Person
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import KEY, ModelServer
from tests.support.stand_ins.serving import serving

PATH = "/roster/api/me/llm"
OWN_KEY = "sk-canary-own-key-of-anna-7731"


@pytest.fixture(scope="module")
def own_server() -> Iterator[tuple[ModelServer, str]]:
    server = ModelServer()
    server.keys = {OWN_KEY}
    with serving(server.app) as url:
        yield server, url


@pytest.fixture(scope="module")
def own_proxy(
    own_server: tuple[ModelServer, str],
    _model_server: tuple[ModelServer, str],
    base_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RosterProcess]:
    environment = {
        **base_environment,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "stub",
        "LLM_API_BASE": f"{_model_server[1]}/v1",
        "LLM_API_KEY": KEY,
        "ROSTER_TRUSTED_URLS": own_server[1],
    }
    process = RosterProcess(tmp_path_factory.mktemp("own"), environment).start()
    yield process
    process.stop()


@pytest.fixture
def anna(own_proxy: RosterProcess) -> Person:
    return Person(own_proxy, f"own-{uuid4().hex[:8]}", agent="agno/demo-agent")


@pytest.fixture
def client(anna: Person) -> Iterator[httpx.Client]:
    with anna.proxy.http(anna.key) as opened:
        yield opened


def setting(url: str, **changes: Any) -> dict[str, Any]:
    return {"provider": "custom", "base_url": f"{url}/v1", "model": "mine", "api_key": OWN_KEY, **changes}


def test_an_own_model_answers_instead_of_the_deployments_and_can_be_taken_back(
    anna: Person, client: httpx.Client, own_server: tuple[ModelServer, str], model_server: ModelServer
) -> None:
    server, url = own_server
    server.reset()
    assert client.get(PATH).json() == {"source": "deployment", "model": "stub"}
    answer = client.put(PATH, json=setting(url))
    assert answer.json() == {"source": "own", "base_url": f"{url}/v1", "model": "mine", "has_key": True}
    assert "Hello" in anna.say("hi")
    assert [request["model"] for request in server.requests] == ["mine"]
    assert server.headers[0]["authorization"] == f"Bearer {OWN_KEY}"
    assert not model_server.requests
    assert client.delete(PATH).status_code == 204
    anna.say("hi again")
    assert len(server.requests) == 1
    assert len(model_server.requests) == 1


def test_only_its_owner_uses_it(
    anna: Person, client: httpx.Client, own_server: tuple[ModelServer, str], model_server: ModelServer
) -> None:
    client.put(PATH, json=setting(own_server[1]))
    own_server[0].reset()
    Person(anna.proxy, "own-stranger", agent="agno/demo-agent").say("hi")
    assert not own_server[0].requests
    assert model_server.requests[0]["model"] == "stub"


def test_the_key_is_never_shown_again_and_kept_while_the_address_stays(
    anna: Person, client: httpx.Client, own_server: tuple[ModelServer, str]
) -> None:
    server, url = own_server
    client.put(PATH, json=setting(url))
    assert OWN_KEY not in client.get(PATH).text
    client.put(PATH, json=setting(url, model="other", api_key=None))
    server.reset()
    anna.say("hi")
    assert (server.requests[0]["model"], server.headers[0]["authorization"]) == ("other", f"Bearer {OWN_KEY}")
    answer = client.put(PATH, json=setting("https://api.example.com", api_key=None))
    assert answer.json()["has_key"] is False, "a key goes to the address it was given for"
    for file in anna.proxy.data_dir.rglob("*"):
        assert OWN_KEY.encode() not in file.read_bytes()
    assert OWN_KEY not in anna.proxy.log


@pytest.mark.parametrize(
    ("script", "ok", "words"),
    [("", True, ""), ("401", False, "/connect llm"), ("404", False, ""), ("500", False, ""), ("429", False, "")],
)
def test_trying_makes_one_real_call_and_says_what_is_wrong(
    script: str, ok: bool, words: str, client: httpx.Client, own_server: tuple[ModelServer, str]
) -> None:
    server, url = own_server
    server.reset()
    server.next_status = int(script) if script else 0
    answer = client.post(f"{PATH}/test", json=setting(url)).json()
    assert answer["ok"] is ok, answer
    assert words in json.dumps(answer)
    assert OWN_KEY not in json.dumps(answer)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"base_url": "http://127.0.0.1:1/v1"}, 403),
        ({"base_url": "http://169.254.169.254/latest"}, 403),
        ({"base_url": "file:///etc/passwd"}, 403),
        ({"base_url": "https://user:pw@x.test/v1"}, 403),
        ({"base_url": ""}, 400),
        ({"model": ""}, 400),
        ({"model": 5}, 400),
        ({"surprise": "x"}, 400),
        ({"api_key": "two\nlines"}, 400),
    ],
)
def test_what_cannot_be_a_model_is_refused(
    change: dict[str, Any], status: int, client: httpx.Client, own_server: tuple[ModelServer, str]
) -> None:
    answer = client.put(PATH, json={**setting(own_server[1]), "provider": "none", **change})
    assert answer.status_code == status, answer.text
    assert client.get(PATH).json()["source"] == "deployment"


def test_a_private_address_is_not_reached_although_its_name_looks_public(
    client: httpx.Client,
) -> None:
    answer = client.post(f"{PATH}/test", json=setting("https://localhost:9")).json()
    assert answer.get("ok") is not True
