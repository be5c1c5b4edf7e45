"""One error, one meaning: status, type, code and headers are the same at every door."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentroster import errors
from agentroster.db.database import Database
from agentroster.errors import RosterError
from agentroster.identity.keys import KeyStore
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.web.error_forms import public_error
from tests.support.roster_process import RosterProcess

# What the classes with arguments of their own are made of; the others take a sentence.
ARGUMENTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "FieldInvalid": (["messages[0]", "must be an object."], {"code": "invalid_type"}),
    "SkillBroken": ([["skill.yaml:1: is empty"]], {}),
    "InputInvalid": (["The input does not fit.", ["`a` is missing"]], {}),
    "AccountCheckFailed": (["refused", "The token was refused."], {}),
    "WrongMethod": (["GET is not possible here."], {"allow": "POST"}),
    "TooManyRequests": (["Slower."], {"retry_after": 7}),
    "CredentialMissing": (["github", "GitHub"], {}),
    "CredentialRefused": (["github", "GitHub"], {}),
    "ConnectRefused": (["forged"], {}),
    "OAuthRefused": (["Refused."], {"for_good": True}),
    "UnknownKeyId": (["k1"], {}),
    "StorageFailed": (["The disk is full."], {"kind": "full", "for_operator": "Make room."}),
    "Stopping": ([], {}),
    "UpstreamRejected": (["Too long."], {"status": 422}),
    "UpstreamRateLimited": (["Slower."], {"retry_after": "3"}),
    "UpstreamUnavailable": (["Down."], {"status": 502}),
}
QUESTION = {"role": "user", "content": "hi"}
EXECUTE = "/roster/api/skills/enrich-hf-metadata/execute"
NAMES = sorted(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, RosterError) and kind is not errors.LimitReached
)
TYPES = {403: "permission_error", 429: "rate_limit_error"}


def made(name: str) -> tuple[RosterError, str]:
    """Return an error of that class, and how the test agent makes the same."""
    args, options = ARGUMENTS.get(name, ([f"This is {name}."], {}))
    return getattr(errors, name)(*args, **options), json.dumps([name, args, options])


def in_openais_form(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    expected = TYPES.get(response.status_code, "invalid_request_error" if response.status_code < 500 else "api_error")
    assert error["type"] == expected, response.text
    assert error["message"] and error["code"] and "param" in error
    return error


@pytest.mark.parametrize("name", NAMES)
def test_an_error_of_an_agent_has_its_own_status_type_and_code_on_every_endpoint(
    proxy: RosterProcess, marks: Path, name: str
) -> None:
    error, recipe = made(name)
    (marks / "raise.json").write_text(recipe, encoding="utf-8")
    told = public_error(error)
    with proxy.http() as client:
        for path, body in (
            ("/v1/chat/completions", {"messages": [QUESTION]}),
            ("/v1/chat/completions", {"messages": [QUESTION], "stream": True}),
            ("/v1/completions", {"prompt": "hi"}),
            ("/v1/responses", {"input": "hi"}),
        ):
            response = client.post(path, json={"model": "agno/raiser", **body})
            assert response.status_code == told.status, (path, response.text)
            found = in_openais_form(response)
            assert [found[field] for field in ("message", "code", "param")] == [told.message, told.code, told.param]
            assert response.headers.get("retry-after") == told.headers.get("retry-after")


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (401, "invalid_api_key", ["POST /v1/chat/completions", "GET /v1/models", "GET /roster/api/jobs",
                                  "POST /v1/embeddings"]),
        (404, "model_not_found", ["POST /v1/chat/completions agno/nobody", "GET /v1/models/agno/nobody",
                                  "POST /v1/chat/completions nobody", "POST /v1/responses agno/nobody"]),
        (404, "not_found", ["GET /roster/api/jobs/1", "GET /nothing-here", "POST /key/generate",
                            "POST /roster/api/skills/nothing/execute"]),
        (405, "method_not_allowed", ["GET /v1/chat/completions", "DELETE /roster/api/jobs", "POST /v1/models"]),
        (400, "invalid_request", ["POST /v1/chat/completions {", f"POST {EXECUTE} {{"]),
        (413, "request_too_large", ["POST /v1/chat/completions +", f"POST {EXECUTE} +"]),
    ],
)  # fmt: skip
def test_the_same_refusal_reads_the_same_at_every_door(
    proxy: RosterProcess, status: int, code: str, asked: list[str]
) -> None:
    for line in asked:
        method, path, *what = line.split()
        content = what[0] if what else "{}"
        body = (
            json.dumps({"model": content, "messages": [QUESTION], "input": "x"})
            if content.startswith(("agno", "no"))
            else content
        )
        if content == "+":
            body = json.dumps({"pad": "x" * 21_000_000})
        with proxy.http("sk-wrong" if status == 401 else None) as client:
            response = client.request(method, path, content=None if method == "GET" else body)
        assert response.status_code == status, (line, response.text)
        assert in_openais_form(response)["code"] == code, (line, response.text)


def test_a_key_that_may_not_is_403_alike_at_every_door(proxy: RosterProcess) -> None:
    with Database.open(proxy.data_dir / "roster.db", ROSTER_SCHEMA) as database:
        key = KeyStore(database).create(user="narrow", models=["plain-model"])[1]
    with proxy.http(key) as client:
        doors = [
            client.post("/v1/chat/completions", json={"model": "agno/demo-agent", "messages": [QUESTION]}),
            client.post("/v1/messages/count_tokens", json={"model": "agno/demo-agent", "messages": [QUESTION]}),
            client.post(EXECUTE, json={}),
        ]
    for response in doors:
        assert response.status_code == 403, response.text
    assert [response.json()["error"]["type"] for response in doors] == ["permission_error"] * 3
