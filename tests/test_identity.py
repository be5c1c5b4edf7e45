"""Who asks: keys, forwarded users, and everything that must not count."""

import json
import stat
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from tests.support.deployment import JWT_SECRET, OPENWEBUI_KEY
from tests.support.identity import AGENT, favourite, make_key, remember, say, signed, text_of, token
from tests.support.roster_process import RosterProcess

BOTH_LANES = True


def test_each_key_is_its_own_person(proxy: RosterProcess) -> None:
    anna, bert = make_key(proxy, "anna"), make_key(proxy, "bert")
    remember(proxy, anna, "red")
    remember(proxy, bert, "blue")
    remember(proxy, proxy.master_key, "green")
    assert "red" in favourite(proxy, anna)
    assert "blue" in favourite(proxy, bert)
    assert "green" in favourite(proxy, proxy.master_key)


def test_two_keys_of_one_user_are_one_person(proxy: RosterProcess) -> None:
    first, second = make_key(proxy, "carla"), make_key(proxy, "carla")
    remember(proxy, first, "pink")
    assert "pink" in favourite(proxy, second)


def test_a_key_is_stored_as_a_digest_in_a_private_file(proxy: RosterProcess) -> None:
    key = make_key(proxy, "dora")
    files = [path for path in proxy.data_dir.iterdir() if path.name.startswith("roster.db")]
    assert files
    for file in files:
        assert key.split("_", 2)[2].encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_revoked_key_stops_working_with_the_next_request(proxy: RosterProcess) -> None:
    key = make_key(proxy, "emil")
    assert say(proxy, "/help", key).status_code == 200
    proxy.cli("keys", "revoke", key.split("_")[1])
    assert say(proxy, "/help", key).status_code == 401


def test_an_expired_key_is_401_with_the_same_words_as_an_unknown_one(proxy: RosterProcess) -> None:
    key = make_key(proxy, "fritz", "--expires-days", "0.0000001")
    expired, unknown = say(proxy, "/help", key), say(proxy, "/help", f"rst_abcdefgh_{'x' * 43}")
    assert expired.status_code == unknown.status_code == 401
    assert expired.json()["error"]["message"] == unknown.json()["error"]["message"]


def test_listing_shows_state_and_last_use_but_no_secret(proxy: RosterProcess) -> None:
    key = make_key(proxy, "greta", "--model", AGENT)
    key_id = key.split("_")[1]
    rows = {row["id"]: row for row in json.loads(proxy.cli("keys", "list", "--json"))}
    assert rows[key_id]["last_used"] is None
    say(proxy, "/help", key)
    listing = proxy.cli("keys", "list", "--json")
    row = {row["id"]: row for row in json.loads(listing)}[key_id]
    assert row["last_used"] is not None
    assert (row["user"], row["models"], row["state"]) == ("greta", [AGENT], "active")
    assert key not in listing
    assert key.split("_", 2)[2] not in proxy.cli("keys", "list")


def test_a_key_with_a_model_list_may_use_only_those_models(proxy: RosterProcess) -> None:
    key = make_key(proxy, "hanna", "--model", AGENT)
    assert say(proxy, "/help", key).status_code == 200
    for model in ("agno/enrich-metadata", "plain-model", "agno/nobody"):
        response = say(proxy, "/help", key, model=model)
        assert response.status_code == 403, model
        assert "Traceback" not in response.text
    with proxy.http(key) as client:
        assert [row["id"] for row in client.get("/v1/models").json()["data"]] == [AGENT]


@pytest.mark.parametrize("key", ["", "wrong", "sk-1234", "rst_short", "Bearer", "x" * 5000])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions", "/v1/embeddings"]
)
def test_no_key_or_a_wrong_key_is_401_everywhere(proxy: RosterProcess, key: str, path: str) -> None:
    body = {
        "model": AGENT,
        "max_tokens": 5,
        "input": "hi",
        "prompt": "hi",
        "messages": [{"role": "user", "content": "hi"}],
    }
    if path.endswith("embeddings"):
        body["model"] = "plain-model"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    response = httpx.post(f"{proxy.url}{path}", json=body, headers=headers, trust_env=False, timeout=30)
    assert response.status_code == 401, response.text
    assert "roster keys create" in response.json()["error"]["message"]


def test_the_model_list_needs_a_key(proxy: RosterProcess) -> None:
    assert httpx.get(f"{proxy.url}/v1/models", trust_env=False).status_code == 401


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_a_key_in_another_header_of_litellm_is_the_same_person(proxy: RosterProcess, header: str) -> None:
    key = make_key(proxy, "ida")
    remember(proxy, key, "yellow")
    body = {"model": AGENT, "messages": [{"role": "user", "content": "/favourite"}]}
    response = httpx.post(f"{proxy.url}/v1/chat/completions", json=body, headers={header: key}, trust_env=False)
    assert "yellow" in text_of(response)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages", "/v1/completions"])
def test_the_person_is_the_same_on_every_endpoint(proxy: RosterProcess, path: str) -> None:
    key = make_key(proxy, "jana")
    remember(proxy, key, "violet")
    body: dict[str, Any] = {"model": AGENT, "max_tokens": 9, "input": "/favourite", "prompt": "/favourite"}
    body["messages"] = [{"role": "user", "content": "/favourite"}]
    wanted = {"/v1/responses": "input", "/v1/messages": "messages", "/v1/completions": "prompt"}[path]
    sent = {name: value for name, value in body.items() if name in {"model", "max_tokens", wanted}}
    if path == "/v1/responses":
        del sent["max_tokens"]
    with proxy.http(key) as client:
        assert "violet" in client.post(path, json=sent).text


def test_the_body_never_names_a_user(proxy: RosterProcess) -> None:
    remember(proxy, proxy.master_key, "navy")
    key = make_key(proxy, "karl")
    forged: list[dict[str, Any]] = [
        {"user": "admin"},
        {"metadata": {"user_id": "admin", "user_api_key_user_id": "admin"}},
        {"metadata": {"user_api_key_auth": {"metadata": {"roster": {"user": "admin", "proof": "master_key"}}}}},
        {"litellm_metadata": {"user_api_key_auth": {"user_id": "admin"}}},
        {"roster": {"user": "admin", "proof": "master_key"}},
    ]
    for extra in forged:
        assert "do not know" in favourite(proxy, key, **extra)
    for headers in ({"x-litellm-end-user-id": "admin"}, {"X-OpenWebUI-User-Id": "admin"}, signed("admin")):
        assert "do not know" in favourite(proxy, key, headers)


def test_a_signed_user_is_the_person_and_not_the_local_user_of_that_name(proxy: RosterProcess) -> None:
    local = make_key(proxy, "u-1")
    remember(proxy, local, "brown")
    remember(proxy, OPENWEBUI_KEY, "teal", signed("u-1"))
    assert "teal" in favourite(proxy, OPENWEBUI_KEY, signed("u-1"))
    assert "brown" in favourite(proxy, local)
    assert "do not know" in favourite(proxy, OPENWEBUI_KEY, signed("u-2"))


def _bad_tokens() -> Iterator[tuple[str, dict[str, str] | list[tuple[str, str]]]]:
    now = int(time.time())
    name = "X-OpenWebUI-User-Jwt"
    yield "missing", {}
    yield "other secret", signed("u-1", secret="another-secret-another-secret-another")
    yield (
        "unsigned",
        {name: jwt.encode({"sub": "u-1", "iss": "open-webui", "iat": now, "exp": now + 300}, "", algorithm="none")},
    )
    yield "other algorithm", signed("u-1", algorithm="HS512", secret=JWT_SECRET * 2)
    yield "expired", signed("u-1", iat=now - 600, exp=now - 300)
    yield "other issuer", signed("u-1", iss="someone-else")
    yield "no issuer", signed("u-1", iss=None)
    yield "no expiry", signed("u-1", exp=None)
    yield "ten years", signed("u-1", exp=now + 315_360_000)
    yield "blank subject", signed(" ")
    yield "no subject", signed("u-1", sub=None)
    yield "long subject", signed("u" * 200)
    yield "number as subject", signed("u-1", sub=5)
    yield "issued in the future", signed("u-1", iat=now + 3600, exp=now + 3900)
    yield "garbage", {name: "a.b.c"}
    yield "plain header instead", {"X-OpenWebUI-User-Id": "u-1"}
    yield "twice", [(name, token("u-2")), (name, token("u-1"))]


@pytest.mark.parametrize(
    ("case", "headers"), list(_bad_tokens()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_forwarder_without_one_valid_token_is_401(proxy: RosterProcess, case: str, headers: Any) -> None:
    response = say(proxy, "/favourite", OPENWEBUI_KEY, headers, user="u-1")
    assert response.status_code == 401, case
    assert "ROSTER_OPENWEBUI_JWT_SECRET" in response.json()["error"]["message"]


def test_a_valid_token_beside_plain_headers_counts_alone(proxy: RosterProcess) -> None:
    remember(proxy, OPENWEBUI_KEY, "black", signed("u-9"))
    headers = {**signed("u-9"), "X-OpenWebUI-User-Id": "u-10", "X-OpenWebUI-User-Email": "a@b"}
    assert "black" in favourite(proxy, OPENWEBUI_KEY, headers)


def test_plain_headers_name_the_user_while_no_secret_is_shared(offline_proxy: RosterProcess) -> None:
    anna, bert = {"X-OpenWebUI-User-Id": "p-anna"}, {"X-OpenWebUI-User-Id": "p-bert"}
    remember(offline_proxy, OPENWEBUI_KEY, "orange", anna)
    assert "orange" in favourite(offline_proxy, OPENWEBUI_KEY, anna)
    assert "do not know" in favourite(offline_proxy, OPENWEBUI_KEY, bert)


def test_a_plain_header_sent_twice_is_401(offline_proxy: RosterProcess) -> None:
    headers = [("X-OpenWebUI-User-Id", "p-anna"), ("X-OpenWebUI-User-Id", "p-bert")]
    assert say(offline_proxy, "/favourite", OPENWEBUI_KEY, headers).status_code == 401


def test_a_forwarder_that_names_nobody_is_served_but_remembers_nothing(offline_proxy: RosterProcess) -> None:
    assert "Demo agent" in text_of(say(offline_proxy, "/help", OPENWEBUI_KEY))
    assert "key of your own" in text_of(say(offline_proxy, "/favourite red", OPENWEBUI_KEY, user="somebody"))


def test_a_created_forwarder_key_forwards_users(offline_proxy: RosterProcess) -> None:
    key = make_key(offline_proxy, "gateway", "--forwarder")
    remember(offline_proxy, key, "cyan", {"X-OpenWebUI-User-Id": "via-gateway"})
    assert "cyan" in favourite(offline_proxy, OPENWEBUI_KEY, {"X-OpenWebUI-User-Id": "via-gateway"})


def test_plain_headers_with_a_personal_key_change_nothing(offline_proxy: RosterProcess) -> None:
    key = make_key(offline_proxy, "lena")
    remember(offline_proxy, key, "grey")
    assert "grey" in favourite(offline_proxy, key, {"X-OpenWebUI-User-Id": "p-anna"})
