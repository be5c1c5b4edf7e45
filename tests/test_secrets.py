"""Canary secrets planted through every door turn up nowhere: logs, answers, files, prompts."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from agentroster.logs import Redactor
from agentroster.settings.secret_words import is_placeholder, strength_of
from tests.support.chatting import Person, browser, sign_in
from tests.support.deployment import ENCRYPTION_KEY, JWT_SECRET, MASTER_KEY, OPENWEBUI_KEY
from tests.support.identity import make_key, signed, token
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins import hub as hub_stand_in
from tests.support.stand_ins import model_server as model_stand_in
from tests.support.stand_ins.authorization_server import AuthorizationServer
from tests.support.stand_ins.github import GitHubServer, Issue, Token
from tests.support.stand_ins.github import Repository as GitHubRepository
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

WRONG_KEY = "sk-canary-mistyped-key-90817263"
MESSAGE = "canary-message-of-a-person-5544332211"


def forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw), quote(secret, safe="").encode()}
    return {raw, *encoded, *(form.rstrip(b"=") for form in encoded)}


def assert_absent(secrets: dict[str, str], text: bytes, where: str) -> None:
    for name, secret in secrets.items():
        for form in forms(secret):
            assert form not in text, f"{name} is in {where}"


def stir(proxy: RosterProcess, keys: dict[str, str]) -> list[httpx.Response]:
    """Send requests that succeed and fail in every way we know, with every secret on the wire."""
    scripts = ["say hi", "status 500", "status 401", "echo-key", "garbage", "break half", "event-error"]
    scripts += ['tool colour_palette {"base": "nope"}', 'loop favourite_colour {"colour": "red"}']
    bodies: list[Any] = [
        {"model": model, "stream": stream, "messages": [{"role": "user", "content": f"{MESSAGE}\nscript: {script}"}]}
        for script in scripts
        for stream in (False, True)
        for model in ("agno/demo-agent", "plain-model")
    ]
    bodies += [
        {"model": "agno/bad-factory", "messages": [{"role": "user", "content": MESSAGE}]},
        {"model": "agno/nobody", "messages": [{"role": "user", "content": MESSAGE}]},
        {"model": "agno/demo-agent", "messages": MESSAGE},
        {"model": "plain-model", "messages": MESSAGE, "api_key": WRONG_KEY},
    ]
    headers = {"x-extra": MASTER_KEY, **signed("canary-user")}
    found: list[httpx.Response] = []
    with httpx.Client(base_url=proxy.url, trust_env=False, timeout=60) as client:
        asked = [(body, OPENWEBUI_KEY if "demo" in body["model"] else keys["personal key"]) for body in bodies]
        asked += [(bodies[0], WRONG_KEY), (bodies[0], OPENWEBUI_KEY + "x")]
        for body, key in asked:
            sent = {**headers, "authorization": f"Bearer {key}"}
            found += [client.post("/v1/chat/completions", json=body, headers=sent)]
        found.append(
            client.get(f"/v1/models?key={keys['personal key']}", headers={"authorization": f"Bearer {MASTER_KEY}"})
        )
        found.append(client.get(f"/{MASTER_KEY}"))
    return found


def connect_accounts(proxy: RosterProcess, github: GitHubServer, authority: AuthorizationServer) -> dict[str, str]:
    """Give secrets through every door for accounts, use them, and let them fail; return them all."""
    given = {name: f"ghp_canary{name.title()}0123456789abcdef" for name in ("form", "pasted", "wrong", "refused")}
    github.tokens |= {given[name]: Token(name) for name in ("form", "pasted", "refused")}
    people = {name: Person(proxy, f"canary-{name}", agent="agno/prober") for name in given}
    people["form"].connect("github", token=given["form"])
    people["refused"].connect("github", token=given["refused"])
    people["wrong"].connect("github", token=given["wrong"])
    people["pasted"].say(f"/token github {given['pasted']}")
    people["wrong"].say(f"/token github {given['wrong']}")
    people["wrong"].say(f"/token jira http://x {given['wrong']}")
    del github.tokens[given["refused"]]
    github.echo_headers = True
    github.repositories["a/b"] = GitHubRepository(issues={1: Issue(number=1, title="x", author="b", body="x")})
    for person in people.values():
        person.say("script: tool github_whoami {}")
        person.say('script: tool github_show {"reference": "a/b#1"}')
        person.say('script: tool probe_leak {"way": "raise"}')
        person.say('script: tool probe_leak {"way": "log"}')
        person.say("/gh-show a/b#1")
        person.say("/credentials")
    with browser() as client:
        sign_in(client, people["form"].link("oidc"))
    authority.expire_access_tokens()
    people["form"].say("script: tool probe_whoami {}")
    tokens = {form[name] for form in authority.token_requests for name in ("code", "refresh_token") if name in form}
    used = {str(seen.authorization).partition(" ")[2] for seen in authority.requests if seen.path == "/api/whoami"}
    assert tokens
    assert used
    clients = {"oidc client": AuthorizationServer.CLIENT_SECRET, "github client": GitHubServer.CLIENT_SECRET}
    return {**given, **clients, **{f"token {number}": token for number, token in enumerate(sorted(tokens | used))}}


@pytest.mark.timeout(120)
def test_no_secret_turns_up_anywhere(
    proxy: RosterProcess,
    model_server: ModelServer,
    hub: HubServer,
    library_root: Path,
    github: GitHubServer,
    authority: AuthorizationServer,
) -> None:
    hub.repositories["a/gated"] = Repository("---\nbase_model: stabilityai/sdxl-turbo\n---\n# x", gated=True)
    keys = {"personal key": make_key(proxy, "canary")}
    with proxy.http() as client:
        message = {"role": "user", "content": "/enrich https://huggingface.co/a/gated"}
        answer = client.post("/v1/chat/completions", json={"model": "agno/enrich-metadata", "messages": [message]})
    assert "SDXL 1.0" in answer.text, "the hub token was used"
    accounts = connect_accounts(proxy, github, authority)
    responses = [answer, *stir(proxy, keys)]
    secrets = {
        "the master key": MASTER_KEY,
        "the encryption key": ENCRYPTION_KEY,
        "the forwarder key": OPENWEBUI_KEY,
        "the JWT secret": JWT_SECRET,
        "the key of the language model": model_stand_in.KEY,
        "the hub token": hub_stand_in.TOKEN,
        "a mistyped key": WRONG_KEY,
        **keys,
        **accounts,
    }
    log = proxy.log.encode()
    assert_absent({**secrets, "a message": MESSAGE, "a user token": token("canary-user").split(".")[1]}, log, "the log")
    path = f"/{MASTER_KEY}"
    for response in responses:
        text = response.content.replace(path.encode(), b"") if response.url.path == path else response.content
        assert_absent(secrets, text, f"the answer to {response.request.url.path}")
        assert_absent(secrets, repr(response.headers).encode(), "the headers of an answer")
    for file in proxy.data_dir.rglob("*"):
        if file.is_file():
            assert_absent(secrets, file.read_bytes(), file.name)
        assert file.stat().st_mode & 0o077 == 0, f"{file.name} is readable by others"
    assert_absent(secrets, json.dumps(model_server.requests).encode(), "a prompt")
    for sent in model_server.headers:
        del sent["authorization"]
        assert_absent(secrets, json.dumps(sent).encode(), "a header sent upstream")


def test_a_leak_would_be_found(proxy: RosterProcess) -> None:
    with pytest.raises(AssertionError, match="master"):
        assert_absent({"master": MASTER_KEY}, b"x" + base64.b64encode(MASTER_KEY.encode()) + b"y", "a text")


PLACEHOLDERS = [
    "ollama", "x", "X", "none", "None", "null", "EMPTY", "lm-studio", "lmstudio", "sk-no-key-required", "dummy",
    "changeme", "change-me", "not-needed", "no-key-needed", "NoKeyNeeded", "sk-xxxxxxxxxxxxxxxx", "your-api-key-here",
    "sk-1234", "test123", "12345", "000000", "-", "fake-key", "sk-local", "llama.cpp", "vllm", "placeholder", "n/a",
    "token-abc", "llama3", "<your key>", "********",
]  # fmt: skip
SENTENCE = "How do I install ollama for a fox? None is needed: ./x --key dummy, then test 12345 and change me."


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_a_placeholder_is_no_secret(key: str) -> None:
    redactor = Redactor()
    redactor.learn([key])
    assert is_placeholder(key)
    for text in (SENTENCE, f"OPENAI_API_KEY={key}", f"Authorization: Bearer {key}"):
        assert redactor.clean(text) == text


@pytest.mark.parametrize("key", ["sunflower", "fox", "Teapot", "LIBRARY", "1946", "garden"])
def test_a_key_that_is_a_word_is_masked_where_a_key_is_written(key: str) -> None:
    redactor = Redactor()
    redactor.learn([key])
    for text in (f"a {key}s field", f"the {key.lower()}", f"pre{key}post"):
        assert redactor.clean(text) == text
    written = (
        f"Authorization: Bearer {key}", f"authorization: bearer {key}\n", f"LLM_API_KEY={key}", f"x-api-key: {key}",
        f'{{"api_key": "{key}"}}', f'{{"api_key":"{key}","a":1}}', f"https://h/v1?key={key}&a=1", f"password = '{key}'",
        f'"{{\\"token\\": \\"{key}\\"}}"',
    )  # fmt: skip
    for text in written:
        assert key not in redactor.clean(text), text


def test_a_short_key_is_masked_between_word_borders_only() -> None:
    redactor = Redactor()
    redactor.learn(["s3cr3t"])
    assert strength_of("s3cr3t") == "short"
    assert redactor.clean("it is s3cr3t, 's3cr3t', (s3cr3t)") == "it is ***, '***', (***)"
    assert redactor.clean("s3cr3ts as3cr3t") == "s3cr3ts as3cr3t"


@pytest.mark.parametrize("key", ["hunter22", "upstream-canary-key-5f2d9c71e8", "AbCdEfGh", "correcthorsebatterystaple"])
def test_a_real_key_is_masked_inside_anything(key: str) -> None:
    redactor = Redactor()
    redactor.learn([key, "ollama"])
    texts = [f"x{key}y", f"https://u:{key}@h/p", json.dumps({"a": f"b{key}c"}), quote(f"a/{key}/b", safe="")]
    texts += [base64.b64encode(f"{pad}{key}zz".encode()).decode() for pad in ("", "a", "ab", "abc")]
    for text in texts:
        assert "***" in redactor.clean(text), text
        assert key not in redactor.clean(text)


def test_what_looks_like_a_key_is_masked_whoevers_it_is() -> None:
    redactor = Redactor()
    redactor.learn(["ollama"])
    for key in ("sk-proj-abcdefghijklmnop", "ghp_0123456789abcdefghij", "hf_abcdefghijklmnopqrst"):
        assert key not in redactor.clean(f"it was {key}.")
