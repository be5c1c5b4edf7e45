"""What happens before LiteLLM: the key first, then a bounded body, and nothing that LiteLLM would read otherwise."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import httpx
import jwt
import pytest

from agentroster.db.database import Database
from agentroster.errors import NotAllowed, Unreachable
from agentroster.gateway.answers.last_resort import LastResort
from agentroster.gateway.requests.request_filter import POST_PATHS
from agentroster.identity.keys import KeyStore
from agentroster.identity.request_rate import RequestRate
from agentroster.net.dial import Dialer
from agentroster.net.egress import Egress
from agentroster.roster_schema import ROSTER_SCHEMA
from tests.support.deployment import JWT_SECRET, OPENWEBUI_KEY
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer
from tests.support.wire import connection, exchange, head, read_to_end

AGENT = "agno/demo-agent"
CHAT = "POST /v1/chat/completions HTTP/1.1"
BODY = json.dumps({"model": AGENT, "messages": [{"role": "user", "content": "/help"}]}).encode()
DOORS = [
    ("GET", "/v1/models"), ("GET", "/models"), ("GET", f"/v1/models/{AGENT}"), ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"), ("POST", "/v1/messages"), ("POST", "/v1/completions"), ("POST", "/v1/embeddings"),
    ("GET", "/roster/api/skills"), ("POST", "/roster/api/skills/enrich_hf_metadata/execute"),
    ("GET", "/roster/api/jobs"), ("GET", "/roster/api/me/llm"), ("PUT", "/roster/api/me/llm"),
    ("GET", "/roster/connect/x"), ("POST", "/roster/connect/x"), ("GET", "/roster/oauth/callback/github"),
    ("GET", "/health/liveliness"), ("GET", "/nothing"),
]  # fmt: skip


def key_of(proxy: RosterProcess, user: str, **options: Any) -> str:
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        return KeyStore(database).create(user=user, **options)[1]


def post(proxy: RosterProcess, body: bytes, key: str | None = None, **headers: str) -> httpx.Response:
    with proxy.http(key) as client:
        sent = {"content-type": "application/json", **headers}
        return client.post("/v1/chat/completions", content=body, headers=sent)


def chat(text: str = "/help", **extra: Any) -> bytes:
    return json.dumps({"model": AGENT, "messages": [{"role": "user", "content": text}], **extra}).encode()


# The key first


@pytest.mark.parametrize("path", sorted(POST_PATHS))
def test_without_a_key_no_byte_of_a_body_is_waited_for(proxy: RosterProcess, path: str) -> None:
    reply = exchange(proxy, head(f"POST {path} HTTP/1.1", "content-length: 1000"), patience=20)
    assert reply.status == 401
    assert "API key is needed" in reply.error["message"]
    assert "connection: close" in reply.head and reply.closed


def test_with_a_wrong_key_no_byte_of_a_body_is_waited_for(proxy: RosterProcess) -> None:
    key = f"authorization: Bearer rst_abcdefgh_{'x' * 43}"
    reply = exchange(proxy, head(CHAT, key, "content-length: 1000"), patience=20)
    assert reply.status == 401
    assert "not valid" in reply.error["message"]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    "second",
    [("authorization", "Bearer {key}"), ("authorization", "Bearer other"), ("authorization", "Basic eDp5"),
     ("x-api-key", "other"), ("api-key", "other"), ("x-goog-api-key", "other"), ("ocp-apim-subscription-key", "other")],
    ids=lambda pair: "-".join(pair)[:30],
)  # fmt: skip
def test_a_second_key_is_refused_alike_at_all_doors(
    proxy: RosterProcess, method: str, path: str, second: tuple[str, str]
) -> None:
    key = proxy.master_key
    headers = [("authorization", f"Bearer {key}"), (second[0], second[1].format(key=key))]
    response = httpx.request(method, f"{proxy.url}{path}", headers=headers, trust_env=False, timeout=30)
    assert response.status_code == 401, response.text
    text = "Send one API key, once: this request has more than one."
    if path == "/v1/messages":
        assert response.json()["error"] == {"type": "authentication_error", "message": text}
        return
    assert response.json()["error"] == {
        "message": text,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


def test_the_same_key_in_two_headers_is_one_key(proxy: RosterProcess) -> None:
    assert post(proxy, BODY, **{"x-api-key": proxy.master_key}).status_code == 200


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key"])
@pytest.mark.parametrize("path", ["/v1/models", "/roster/api/me/llm"])
def test_every_header_that_holds_a_key_is_one_at_all_doors(proxy: RosterProcess, header: str, path: str) -> None:
    key = key_of(proxy, "headers")
    headers = {header: key, "authorization": "Basic eDp5"}
    assert httpx.get(f"{proxy.url}{path}", headers=headers, trust_env=False, timeout=30).status_code == 200


def test_the_word_bearer_is_read_in_any_case(proxy: RosterProcess) -> None:
    for word in ("bearer", "BEARER", "Bearer "):
        response = httpx.get(
            f"{proxy.url}/v1/models", headers={"authorization": f"{word} {proxy.master_key}"}, trust_env=False
        )
        assert response.status_code == 200


@pytest.mark.parametrize(
    "claims",
    [{"iat": "text"}, {"iat": "1"}, {"exp": "9999999999"}, {"iat": True}, {"iat": None}, {"exp": 1e300},
     {"exp": [1]}, {"iat": {"a": 1}}, {"sub": ["x"]}, {"sub": {"x": 1}}, {"sub": 5}, 
     {"nbf": "text"}, {"nbf": [1]}, {"name": [1]}, {"aud": "somebody"}, {"aud": [5]}, {"sub": "\ud800"}],
    ids=str,
)  # fmt: skip
def test_signed_claims_of_the_wrong_kind_are_401_or_ignored(proxy: RosterProcess, claims: dict[str, Any]) -> None:
    since = len(proxy.log)
    now = int(time.time())
    token = jwt.encode({"sub": "u", "iss": "open-webui", "iat": now, "exp": now + 60, **claims}, JWT_SECRET)
    for path in ("/v1/models", "/roster/api/me/llm"):
        headers = {"authorization": f"Bearer {OPENWEBUI_KEY}", "x-openwebui-user-jwt": token}
        response = httpx.get(f"{proxy.url}{path}", headers=headers, trust_env=False, timeout=30)
        assert response.status_code == (200 if claims == {"name": [1]} else 401), response.text
    assert "Traceback" not in proxy.log[since:]


# What LiteLLM would read otherwise


def test_no_query_parameter_reaches_the_handlers_of_litellm(proxy: RosterProcess, model_server: ModelServer) -> None:
    key = key_of(proxy, "query", models=[AGENT])
    with proxy.http(key) as client:
        response = client.post("/v1/chat/completions?model=plain-model", content=BODY)
    assert response.status_code == 200
    assert "Demo agent" in response.text
    assert not model_server.requests


def test_the_parameters_that_litellm_binds_to_the_query_are_the_known_ones() -> None:
    """A new one shows up here; the front door sends no query on, so it would have no effect either."""
    listed = subprocess.run(
        [sys.executable, "-c", _LIST_QUERY_PARAMETERS], capture_output=True, check=True, encoding="utf-8", timeout=120,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    ).stdout  # fmt: skip
    found: dict[str, list[str]] = json.loads(listed.splitlines()[-1])
    assert found.keys() >= POST_PATHS - {"/messages"}, "LiteLLM has no /messages"
    assert {name for names in found.values() for name in names} == {"model"}, found
    assert found["/v1/chat/completions"] == ["model"]


# In a process of its own: importing LiteLLM's server takes seconds and changes logging.
_LIST_QUERY_PARAMETERS = """
import json
from litellm.proxy.proxy_server import app
from litellm.proxy.anthropic_endpoints import endpoints
from agentroster.gateway.requests.request_filter import POST_PATHS

def all_routes(routes):
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        yield from all_routes(inner.routes) if hasattr(inner, "routes") else [route]

def names(dependant):
    found = {field.name for field in dependant.query_params}
    return found.union(*(names(inner) for inner in dependant.dependencies))

found = {}
for route in all_routes([*app.routes, *endpoints.router.routes]):
    if getattr(route, "path", "") in POST_PATHS and "POST" in (getattr(route, "methods", None) or ()):
        found.setdefault(route.path, set()).update(names(route.dependant))
print(json.dumps({path: sorted(given) for path, given in found.items()}))
"""


def test_a_json_body_is_never_read_as_a_form(proxy: RosterProcess, model_server: ModelServer) -> None:
    key = key_of(proxy, "form", models=[AGENT])
    body = chat(x="&model=plain-model&messages=x&y=")
    response = post(proxy, body, key, **{"content-type": "application/x-www-form-urlencoded"})
    assert response.status_code == 200
    assert "Demo agent" in response.text
    assert not model_server.requests


@pytest.mark.parametrize(
    "path", ["/openai/deployments/plain-model/chat/completions", "/engines/plain-model/chat/completions",
             "/v1/chat/completions/plain-model", "/v1//chat/completions", "/V1/chat/completions"]
)  # fmt: skip
def test_paths_that_name_a_model_are_404(proxy: RosterProcess, path: str) -> None:
    with proxy.http() as client:
        assert client.post(f"{proxy.url}{path}", content=BODY).status_code == 404


def test_fields_that_litellm_refuses_are_a_clear_refusal(proxy: RosterProcess) -> None:
    since = len(proxy.log)
    for field in ({"api_base": "http://x"}, {"base_url": "http://x"}, {"user_config": {}}):
        body = json.dumps({"model": "plain-model", "messages": [{"role": "user", "content": "hi"}], **field}).encode()
        response = post(proxy, body)
        assert 400 <= response.status_code < 500, response.text
        assert next(iter(field)) in response.json()["error"]["message"]
    assert "prisma" not in proxy.log[since:]


WRONG_DIRECT: list[tuple[str, dict[str, Any], str]] = [
    ("messages", {"messages": "http://x/"}, "`messages`"),
    ("messages", {"messages": None}, "`messages`"),
    ("messages", {"messages": [{"content": "x"}]}, "role"),
    ("chat/completions", {"messages": 5}, "`messages`"),
    ("chat/completions", {"messages": ["x"]}, "`messages[0]`"),
    ("messages", {"messages": [{"role": "user", "content": "x"}], "metadata": {"user_id": []}}, "user_id"),
    ("messages", {"messages": [{"role": "user", "content": "x"}], "self": None}, "`self`"),
    ("embeddings", {"input": ["x"], "extra_body": 1}, "`extra_body`"),
    ("responses", {"input": "x", "tags": "x"}, "`tags`"),
]


@pytest.mark.parametrize(("endpoint", "body", "hint"), WRONG_DIRECT)
def test_a_direct_model_is_not_asked_what_litellm_would_stumble_over(
    proxy: RosterProcess, endpoint: str, body: dict[str, Any], hint: str
) -> None:
    with proxy.http() as client:
        response = client.post(f"/v1/{endpoint}", json={"model": "plain-model", "max_tokens": 9, **body})
    assert response.status_code == 400, response.text
    assert hint in response.json()["error"]["message"]


# The body


def nested(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    return (f'{{"model":"plain-model","messages":{opening * levels}1{closing * levels}}}').encode()


@pytest.mark.parametrize("levels", [101, 490, 700, 900, 5000, 200_000])
def test_deep_bodies_are_400_and_leave_the_log_alone(proxy: RosterProcess, levels: int) -> None:
    since = len(proxy.log)
    for body in (nested(levels), nested(levels, '{"a":', "}")):
        assert post(proxy, body).status_code in {400, 413}
    assert proxy.log[since:] == ""


def test_a_body_of_ninety_levels_passes_the_door(proxy: RosterProcess) -> None:
    assert post(proxy, chat(x=json.loads("[" * 90 + "]" * 90))).status_code == 200


@pytest.mark.parametrize("piece", [b"1,", b'"",', b"{},", b"[],", b'{"a":1},', b"null,", b'"a,b",', b"[[1]],"])
def test_more_values_than_anybody_means_are_413_and_keep_nobody_waiting(
    narrow_proxy: RosterProcess, piece: bytes
) -> None:
    body = b'{"model":"agno/demo-agent","messages":[' + piece * (18_000_000 // len(piece)) + b"1]}"
    response = post(narrow_proxy, body, key_of(narrow_proxy, "values"))
    assert response.status_code == 413, response.text
    assert "values" in response.json()["error"]["message"]


def test_long_prose_is_no_heap_of_values(narrow_proxy: RosterProcess) -> None:
    text = "one, two, [three], {four}, " * 60_000 + '\\" '
    response = post(narrow_proxy, chat(f"/help {text}"), key_of(narrow_proxy, "prose"))
    assert response.status_code == 200, response.text[:300]


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, '"\x01"', "01", "'a'", "tru", '"\\x"', '"\\ud8"',
     "\ufeff1", "1 2", "[1,]", "// x\n1"],
)  # fmt: skip
@pytest.mark.parametrize("model", [AGENT, "plain-model"])
def test_what_is_no_json_is_400(proxy: RosterProcess, value: str, model: str) -> None:
    body = f'{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}],"x":{value}}}'.encode()
    response = post(proxy, body)
    assert response.status_code == 400, response.text
    assert "not valid JSON" in response.json()["error"]["message"]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"])
def test_what_is_no_utf8_is_400(proxy: RosterProcess, bad: bytes) -> None:
    assert post(proxy, BODY.replace(b"/help", b"/help " + bad)).status_code == 400


@pytest.mark.parametrize("model", [AGENT, "plain-model"])
def test_half_a_character_is_repaired(proxy: RosterProcess, model_server: ModelServer, model: str) -> None:
    since = len(proxy.log)
    for half in (r"\ud800", r"\udfff", r"\uDC00\ud800", r"\ud83d x"):
        text = f'{{"model":"{model}","messages":[{{"role":"user","content":"script: say a{half}b"}}]}}'
        response = post(proxy, text.encode())
        assert response.status_code == 200, response.text
    assert "Traceback" not in proxy.log[since:]
    assert "?" in json.dumps(model_server.requests[-1], default=str)


@pytest.mark.parametrize("model", [AGENT, "plain-model"])
@pytest.mark.parametrize("number", [10**18, 10**19, -(10**19), 10**30, 10**400])
def test_a_huge_number_is_no_failure_of_the_proxy(
    proxy: RosterProcess, model_server: ModelServer, model: str, number: int
) -> None:
    since = len(proxy.log)
    for field in ("seed", "max_tokens", "n", "temperature", "unknown"):
        body = {"model": model, "messages": [{"role": "user", "content": "script: say x"}], field: number}
        response = post(proxy, json.dumps(body).encode())
        assert response.status_code < 500, (field, response.text)
    if model == AGENT:
        assert "Traceback" not in proxy.log[since:]


def test_a_whole_character_in_two_halves_stays(proxy: RosterProcess, model_server: ModelServer) -> None:
    text = rf'{{"model":"{AGENT}","messages":[{{"role":"user","content":"script: say \ud83d\ude00"}}]}}'
    assert "\U0001f600" in post(proxy, text.encode()).json()["choices"][0]["message"]["content"]


def test_a_declared_size_over_the_limit_is_413_at_once(proxy: RosterProcess) -> None:
    key = f"authorization: Bearer {proxy.master_key}"
    reply = exchange(proxy, head(CHAT, key, "content-length: 12000000"), patience=20)
    assert reply.status == 413


# Shares


def test_large_bodies_of_one_person_have_a_bound(narrow_proxy: RosterProcess) -> None:
    mine, other = key_of(narrow_proxy, "large"), key_of(narrow_proxy, "small")
    begun = head(CHAT, f"authorization: Bearer {mine}", "content-length: 200000", "expect: 100-continue")
    with connection(narrow_proxy) as first, connection(narrow_proxy) as second:
        for sock in (first, second):
            sock.sendall(begun)
            assert sock.recv(100).startswith(b"HTTP/1.1 100")
        reply = exchange(narrow_proxy, begun)
        assert reply.status == 429
        assert "retry-after: 1" in reply.head
        assert "large requests" in reply.error["message"]
        # Small ones and other people's are not concerned.
        assert post(narrow_proxy, BODY, mine).status_code == 200
        assert post(narrow_proxy, chat("/help " + "x" * 150_000), other).status_code == 200
        assert {read_to_end(first).status, read_to_end(second).status} == {408}
    assert post(narrow_proxy, chat("/help " + "x" * 150_000), mine).status_code == 200


def test_one_key_asks_so_often_in_a_minute_at_all_doors_together(narrow_proxy: RosterProcess) -> None:
    mine, other = key_of(narrow_proxy, "eager"), key_of(narrow_proxy, "patient")
    paths = ["/v1/models", "/roster/api/jobs"]
    with narrow_proxy.http(mine) as client:
        answers = [client.get(paths[number % 2]) for number in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert 1 <= len(refused) <= 10
        assert 1 <= int(refused[0].headers["retry-after"]) <= 2
        assert refused[0].json()["error"]["code"] == "rate_limit_exceeded"
        assert {path for path in paths if client.get(path).status_code == 429}
    with narrow_proxy.http(other) as client:
        assert client.get("/v1/models").status_code == 200


def test_people_behind_one_forwarder_have_shares_of_their_own(narrow_proxy: RosterProcess) -> None:
    def ask(user: str) -> int:
        headers = {"authorization": f"Bearer {OPENWEBUI_KEY}", "x-openwebui-user-id": user}
        return httpx.get(f"{narrow_proxy.url}/v1/models", headers=headers, trust_env=False, timeout=30).status_code

    assert 429 in [ask("loud") for _ in range(40)]
    assert ask("quiet") == 200


def test_wrong_keys_from_one_address_are_bounded_and_right_ones_go_on(narrow_proxy: RosterProcess) -> None:
    mine = key_of(narrow_proxy, "right")

    def ask(key: str, address: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": address}
        return httpx.get(f"{narrow_proxy.url}/v1/models", headers=headers, trust_env=False, timeout=30)

    assert ask(mine, "203.0.113.5").status_code == 200
    statuses = [ask(f"rst_abcdefgh_{'x' * 40}{number:03}", "203.0.113.5").status_code for number in range(30)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert "wrong API key" in ask("nonsense", "203.0.113.5").json()["error"]["message"]
    assert ask(mine, "203.0.113.5").status_code == 200
    assert ask(narrow_proxy.master_key, "203.0.113.5").status_code == 200
    assert ask("nonsense", "203.0.113.6").status_code == 401


def test_a_bucket_fills_again_and_forgets_whom_it_has_not_seen_for_long() -> None:
    now = [0.0]
    rate = RequestRate(60, lambda: now[0])
    assert [rate.take("a") for _ in range(60)] == [0] * 60
    assert rate.take("a") == 1
    now[0] += 1
    assert rate.take("a") == 0
    assert rate.take("a") == 1
    for number in range(20_000):
        rate.take(number)
    assert rate.take("a") == 0
    assert [RequestRate(0).take("a") for _ in range(1000)] == [0] * 1000
    assert RequestRate(1, lambda: 0.0).take("x") == 0


# What nobody foresaw


def test_a_form_of_too_many_fields_is_a_page(proxy: RosterProcess) -> None:
    since = len(proxy.log)
    for body in ("a=1&" * 200, "&" * 60_000, "%ff%fe=%00", "a=" + "x" * 70_000):
        response = httpx.post(
            f"{proxy.url}/roster/connect/{'x' * 43}", content=body,
            headers={"content-type": "application/x-www-form-urlencoded"}, trust_env=False,
        )  # fmt: skip
        assert response.status_code == 403
        assert "text/html" in response.headers["content-type"]
    assert proxy.log[since:] == ""


STRANGE_HOSTS = [
    "https://a..b/", "https://xn--/", "https://.a/", "https://xn--a/", f"https://{'a' * 64}.example/",
    f"https://{'a.' * 200}example/", "https://\u2100.example/", "https://a\u00ad.example/", "https://[::1/",
    "https://[v1.x]/", "https://\u0000/", "https://a:99999/", "https://a:x/", "https://%00/",
    "https://xn--80ak6aa92e\u200d.com/", "https://\ud800/", "https://a b/", "https:///", "https://\u3002/",
]  # fmt: skip


@pytest.mark.parametrize("address", STRANGE_HOSTS, ids=ascii)
def test_an_address_that_is_none_is_a_refusal_of_the_own_model(proxy: RosterProcess, address: str) -> None:
    since = len(proxy.log)
    with proxy.http(key_of(proxy, "strange")) as client:
        body = json.dumps({"base_url": address, "model": "x", "api_key": "y"}).encode()
        response = client.put("/roster/api/me/llm", content=body)
        assert 400 <= response.status_code < 500, response.text
        assert response.json()["error"]["message"]
        tried = client.post("/roster/api/me/llm/test", content=body)
        assert tried.status_code < 500, tried.text
    assert "Traceback" not in proxy.log[since:], proxy.log[since:]


@pytest.mark.parametrize("address", ["https://a..b/", "https://xn--/", f"https://{'a' * 64}.example/"])
@pytest.mark.parametrize("provider", ["jira", "seerr"])
def test_an_address_that_is_none_is_a_sentence_in_a_chat(proxy: RosterProcess, provider: str, address: str) -> None:
    since = len(proxy.log)
    response = post(proxy, chat(f"/token {provider} {address} me@example.org secret-token-123456"))
    assert response.status_code == 200, response.text
    assert "error in the proxy" not in response.text
    assert "Traceback" not in proxy.log[since:], proxy.log[since:]


@pytest.mark.parametrize(
    "path",
    ["/v1/models/%ff%00", "/roster/api/jobs/%00", "/roster/api/jobs/%ff", "/roster/oauth/callback/%00",
     "/roster/connect/%ed%a0%80", "/roster/api/jobs?limit=%ff", "/v1/models?team_id=%00"],
)  # fmt: skip
def test_strange_paths_of_every_door_have_a_plain_answer(proxy: RosterProcess, path: str) -> None:
    since = len(proxy.log)
    with proxy.http() as client:
        assert client.get(f"{proxy.url}{path}").status_code < 500
    assert "Traceback" not in proxy.log[since:], proxy.log[since:]


def test_many_large_requests_at_once_keep_nobody_out(narrow_proxy: RosterProcess) -> None:
    keys = [key_of(narrow_proxy, f"crowd-{number}") for number in range(8)]
    body = chat("/help " + "x" * 3_000_000)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(post, narrow_proxy, body, key) for key in keys]
        assert httpx.get(f"{narrow_proxy.url}/health/liveliness", trust_env=False, timeout=30).status_code == 200
        assert {answer.result().status_code for answer in answers} <= {200, 429}


def failing_app(begins_with: str | None) -> LastResort:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if begins_with is not None:
            headers = [(b"content-type", begins_with.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        raise KeyError("/secret/path.py")

    return LastResort(app)


async def answers(app: LastResort, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": kind, "method": "GET", "path": "/x\n", "headers": []}, receive, send)
    return sent


@pytest.mark.anyio
async def test_what_nobody_foresaw_is_an_error_in_openais_form_and_one_line_of_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start, body = await answers(failing_app(None))
    assert start["status"] == 500
    error = json.loads(body["body"])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "operator" in error["message"] and "secret" not in error["message"]
    assert len(caplog.records) == 1 and "GET" in caplog.text


@pytest.mark.anyio
async def test_a_stream_that_fails_ends_with_an_error_frame(caplog: pytest.LogCaptureFixture) -> None:
    end = (await answers(failing_app("text/event-stream; charset=utf-8")))[-1]
    assert end["more_body"] is False
    error, done = end["body"].decode().strip().split("\n\n")
    assert "operator" in json.loads(error.removeprefix("data: "))["error"]["message"]
    assert done == "data: [DONE]"


@pytest.mark.anyio
async def test_a_whole_answer_that_fails_half_way_stays_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    assert (await answers(failing_app("application/json")))[-1]["more_body"] is True


@pytest.mark.anyio
async def test_a_websocket_that_fails_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    assert [message["type"] for message in await answers(failing_app(None), "websocket")] == ["websocket.close"]


def test_a_model_name_without_end_is_not_repeated(proxy: RosterProcess) -> None:
    for length in (400, 900_000):
        body = json.dumps({"model": "m" * length, "messages": [{"role": "user", "content": "hi"}]}).encode()
        response = post(proxy, body)
        assert response.status_code == 404, response.text[:300]
        assert len(response.content) < 3000


@pytest.mark.anyio
@pytest.mark.parametrize("address", STRANGE_HOSTS, ids=ascii)
async def test_a_redirect_to_an_address_that_is_none_is_refused_in_words(address: str) -> None:
    location = address.encode("utf-8", "surrogatepass")
    answer = httpx.Response(302, headers=[(b"location", location)])
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        with pytest.raises((NotAllowed, Unreachable)):
            await Egress(client, ["good.example"]).get("https://good.example/", max_bytes=1000)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["a..b", ".", "a" * 64, "x" * 300, "\u2100"])
async def test_a_name_that_the_resolver_cannot_read_is_a_host_that_cannot_be_reached(name: str) -> None:
    with pytest.raises(httpcore.ConnectError):
        await Dialer(()).connect_tcp(name, 443, timeout=20)
