"""Connecting an account: by link and token, by signing in, by a command; and everything that must not work."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from agentroster.web.pages.languages import LANGUAGES, negotiated, texts
from tests.support.chatting import LINK, Person, browser, origin, sign_in, submit, words
from tests.support.deployment import OPENWEBUI_KEY
from tests.support.identity import signed
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.authorization_server import AuthorizationServer
from tests.support.stand_ins.github import GitHubServer, Token
from tests.support.stand_ins.model_server import ModelServer
from tests.support.stand_ins.serving import serving

TOKEN = "ghp_canaryTokenOfAnna0123456789abcdef"


@pytest.fixture
def anna(proxy: RosterProcess, request: pytest.FixtureRequest) -> Person:
    return Person(proxy, f"anna-{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture(scope="module")
def fresh_sign_in(
    base_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AuthorizationServer, Person]]:
    """A proxy that has not read its sign-in service's metadata yet: what is refused is never remembered."""
    server = AuthorizationServer()
    with serving(server.app) as url:
        environment = {
            **base_environment,
            "ROSTER_OIDC_ISSUER": url,
            "ROSTER_OIDC_CLIENT_ID": server.CLIENT_ID,
            "ROSTER_OIDC_CLIENT_SECRET": server.CLIENT_SECRET,
        }
        process = RosterProcess(tmp_path_factory.mktemp("metadata"), environment).start()
        yield server, Person(process, "mia")
        process.stop()


# --- by link and token


def test_a_link_a_token_and_the_next_message_just_works(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh", ("repo",), "classic")
    assert LINK.search(anna.say("/gh-me")), "a tool without its account answers with a link"
    done = anna.connect("github", token=TOKEN)
    assert done.status_code == 200
    assert "anna-gh is connected" in words(done)
    assert "go back to your chat" in words(done)
    assert "**anna-gh**" in anna.say("/gh-me")
    assert "| github | anna-gh | connected |" in anna.say("/credentials")


def test_the_page_says_who_connects_what_and_needs_no_script(anna: Person, github: GitHubServer) -> None:
    with browser() as client:
        page = client.get(anna.link("github"))
    assert anna.name in words(page)
    assert "Connect GitHub" in words(page)
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert "width=device-width" in page.text
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_link_works_once(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    link = anna.link("github")
    with browser() as client:
        assert submit(client, link, token=TOKEN).status_code == 200
        again = client.get(link)
        assert again.status_code == 410
        assert "used already" in words(again)


def test_a_preview_of_the_link_does_not_use_it_up(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    link = anna.link("github")
    for method in ("GET", "HEAD"):
        with browser() as preview:
            assert preview.request(method, link).status_code == 200
    with browser() as client:
        assert submit(client, link, token=TOKEN).status_code == 200


def test_a_wrong_token_is_said_clearly_and_can_be_corrected(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    link = anna.link("github")
    with browser() as client:
        wrong = submit(client, link, token="ghp_wrongTokenOfAnna0123456789")
        assert wrong.status_code == 422
        assert "does not accept this" in words(wrong)
        assert "ghp_wrong" not in wrong.text
        assert anna.say("/credentials").startswith("You have no connected accounts")
        assert submit(client, link, token=TOKEN).status_code == 200


def test_guessing_on_one_link_ends(anna: Person, github: GitHubServer) -> None:
    link = anna.link("github")
    with browser() as client:
        statuses = [submit(client, link, token=f"ghp_guess{number}0123456789").status_code for number in range(11)]
    assert statuses == [422] * 10 + [410]


@pytest.mark.parametrize("value", ["", " ", "two\nlines", "x" * 9000, "ünïcode-token"])
def test_an_unusable_token_never_leaves_the_proxy(value: str, anna: Person, github: GitHubServer) -> None:
    link = anna.link("github")
    with browser() as client:
        answer = submit(client, link, token=value)
    assert answer.status_code == 422
    assert not github.requests


def test_a_link_without_a_ticket_or_a_wrong_one_is_gone(proxy: RosterProcess) -> None:
    with browser() as client:
        for ticket in ("x" * 43, "short", "..%2f..%2fetc", "%00"):
            assert client.get(f"{proxy.url}/roster/connect/{ticket}").status_code in {404, 410}


@pytest.mark.parametrize(
    "change", ["no cookie", "other cookie", "no form token", "other origin", "null origin", "cross site"]
)
def test_a_form_from_elsewhere_is_refused(change: str, anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    link = anna.link("github")
    with browser() as client:
        page = client.get(link)
        token = re.search(r'name="form" value="([0-9a-f]+)"', page.text)
        assert token
        data = {"form": token[1], "way": "token", "field_token": TOKEN}
        headers = {"origin": origin(link)}
        match change:
            case "no cookie":
                client.cookies.clear()
            case "other cookie":
                client.cookies.set("roster", "A" * 43)
            case "no form token":
                del data["form"]
            case "other origin":
                headers["origin"] = "https://evil.test"
            case "null origin":
                headers["origin"] = "null"
            case _:
                headers["sec-fetch-site"] = "cross-site"
        answer = client.post(link, data=data, headers=headers)
    assert answer.status_code == 403
    assert not github.requests


def test_two_people_have_two_accounts(proxy: RosterProcess, github: GitHubServer) -> None:
    github.tokens |= {TOKEN: Token("anna-gh"), TOKEN + "2": Token("bert-gh")}
    people = [Person(proxy, "two-anna"), Person(proxy, "two-bert")]
    for person, token in zip(people, (TOKEN, TOKEN + "2"), strict=True):
        assert person.connect("github", token=token).status_code == 200
    assert "anna-gh" in people[0].say("/gh-me")
    assert "bert-gh" in people[1].say("/gh-me")


def test_people_of_open_webui_connect_their_own_and_the_page_calls_them_by_name(
    proxy: RosterProcess, github: GitHubServer
) -> None:
    github.tokens[TOKEN] = Token("anna-gh")

    def ask(user: str, text: str) -> str:
        with proxy.http(OPENWEBUI_KEY) as client:
            body = {"model": "agno/github-agent", "messages": [{"role": "user", "content": text}]}
            headers = signed(user, name="Anna <b>Example</b>")
            answer = client.post("/v1/chat/completions", json=body, headers=headers).json()
        return str(answer["choices"][0]["message"]["content"])

    link = LINK.search(ask("owui-1", "/connect github"))
    assert link
    with browser() as client:
        page = client.get(link[0])
        assert "Anna <b>Example</b>" in words(page)
        assert "<b>Example" not in page.text
        assert submit(client, link[0], token=TOKEN).status_code == 200
    assert "anna-gh" in ask("owui-1", "/gh-me")
    assert LINK.search(ask("owui-2", "/gh-me"))


def test_a_link_is_never_written_into_a_channel_where_others_read_it(proxy: RosterProcess) -> None:
    headers = signed("owui-3") | {"X-OpenWebUI-Chat-Id": "channel:5d1c"}
    for text in ("/connect github", "/gh-me"):
        with proxy.http(OPENWEBUI_KEY) as client:
            body = {"model": "agno/github-agent", "messages": [{"role": "user", "content": text}]}
            answer = client.post("/v1/chat/completions", json=body, headers=headers).text
        assert not LINK.search(answer)
        assert "`/connect github` to me in a chat of your own" in answer


def test_a_key_without_a_person_gets_no_link_and_no_account(proxy: RosterProcess, github: GitHubServer) -> None:
    key = proxy.cli("keys", "create", "--user", "gate", "--forwarder").strip()
    nobody = Person(proxy, "gate", key=key)
    with proxy.http(key) as client:
        body: dict[str, Any] = {
            "model": "agno/github-agent",
            "messages": [{"role": "user", "content": "/connect github"}],
        }
        # With a JWT secret set, a forwarder must name somebody.
        assert client.post("/v1/chat/completions", json=body).status_code == 401
    assert nobody.key == key


def test_nobody_in_particular_is_told_to_use_a_key(offline_proxy: RosterProcess) -> None:
    with offline_proxy.http(OPENWEBUI_KEY) as client:
        for text in ("/connect github", "/credentials", "/disconnect github", "/gh-me", "/token github ghp_x1234567"):
            body = {"model": "agno/github-agent", "messages": [{"role": "user", "content": text}]}
            answer = client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
            assert "proven identity" in answer, text
            assert "/roster/connect/" not in answer


# --- in the conversation


def test_a_model_that_lacks_an_account_lets_us_show_the_link_and_never_sees_it(
    anna: Person, github: GitHubServer, model_server: ModelServer
) -> None:
    answer = anna.say("script: tool github_whoami {}")
    link = LINK.search(answer)
    assert link
    assert "No GitHub account is connected" in answer
    assert link[1] not in json.dumps(model_server.requests)
    anna.say("script: say fine")
    assert link[1] not in json.dumps(model_server.requests), "the ticket is cut out of the history"
    assert "/roster/connect/***" in json.dumps(model_server.requests)


def test_a_changed_or_deleted_account_counts_in_the_very_next_call(anna: Person, github: GitHubServer) -> None:
    github.tokens |= {TOKEN: Token("first"), TOKEN + "2": Token("second")}
    anna.connect("github", token=TOKEN)
    assert "first" in anna.say("/gh-me")
    anna.connect("github", token=TOKEN + "2")
    assert "second" in anna.say("/gh-me")
    anna.proxy.cli("credentials", "delete", "--user", anna.name, "--provider", "github")
    assert LINK.search(anna.say("/gh-me"))


def test_connect_without_a_name_lists_the_kinds(anna: Person, github: GitHubServer) -> None:
    answer = anna.say("/connect")
    for name in ("github", "jira", "seerr", "forgejo", "bearer", "llm", "oidc"):
        assert f"`/connect {name}`" in answer
    assert "Known kinds" in anna.say("/connect nonsense")


def test_a_token_that_is_refused_later_asks_to_connect_again(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    anna.connect("github", token=TOKEN)
    del github.tokens[TOKEN]
    answer = anna.say("/gh-me")
    assert LINK.search(answer)
    assert "refused: /connect github again" in anna.say("/credentials")
    seen = len(github.requests)
    assert LINK.search(anna.say("/gh-me"))
    assert len(github.requests) == seen, "a refused account is not tried again"
    github.tokens[TOKEN] = Token("anna-gh")
    anna.connect("github", token=TOKEN)
    assert "anna-gh" in anna.say("/gh-me")


def test_disconnect_removes_an_account_and_says_where_the_token_still_is(anna: Person, github: GitHubServer) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    anna.connect("github", token=TOKEN)
    answer = anna.say("/disconnect github")
    assert "disconnected" in answer
    assert "/settings/tokens" in answer
    assert "no GitHub account" in anna.say("/disconnect github")
    assert LINK.search(anna.say("/gh-me"))


# --- pasted


def test_a_pasted_token_is_stored_and_nobody_else_sees_it(
    anna: Person, github: GitHubServer, model_server: ModelServer
) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    assert "connected as anna-gh" in anna.say(f"/token github {TOKEN}")
    assert "anna-gh" in anna.say("/gh-me")
    anna.say("script: say hello")
    anna.agent = "plain-model"
    anna.say("script: say hello")
    sent = json.dumps(model_server.requests)
    assert TOKEN not in sent
    assert sent.count("/token github ***") >= 2
    assert TOKEN not in anna.proxy.log


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": "%s"}]}]}),
        ("/v1/completions", {"prompt": "%s"}),
        ("/v1/responses", {"input": "%s"}),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "%s"}]}]}),
        ("/v1/messages", {"max_tokens": 100, "messages": [{"role": "user", "content": "%s"}]}),
    ],
)
def test_a_token_can_be_pasted_on_every_endpoint(
    path: str, body: dict[str, Any], anna: Person, github: GitHubServer
) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    filled = json.loads(json.dumps(body).replace("%s", f"/token github {TOKEN}"))
    answer = anna.post({"model": anna.agent, **filled}, path)
    assert answer.status_code == 200, answer.text
    assert "connected as anna-gh" in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        f"my token is {TOKEN}",
        f"/tokens github {TOKEN}",
        "/token budget is 5 dollars",
        f"please run /token github {TOKEN}",
        "/token github",
        f"token github {TOKEN}",
    ],
)
def test_nothing_else_is_ever_taken_for_a_token(
    text: str, anna: Person, github: GitHubServer, model_server: ModelServer
) -> None:
    anna.say(f"{text}\nscript: say ok" if not text.startswith("/token ") else text)
    assert not github.requests
    assert anna.say("/credentials").startswith("You have no connected accounts")


def test_a_pasted_token_is_cut_wherever_it_stands(
    anna: Person, github: GitHubServer, model_server: ModelServer
) -> None:
    title = f"### Chat\nUSER: /token github {TOKEN}\nASSISTANT: ok\nscript: say A title"
    anna.say(title)
    anna.say(f"earlier I wrote /TOKEN GitHub\n{TOKEN}\nscript: say ok")
    assert TOKEN not in json.dumps(model_server.requests)


def test_a_wrong_pasted_form_says_the_right_one(anna: Person) -> None:
    assert "/token jira URL [EMAIL] TOKEN" in anna.say("/token jira onlyone")
    assert "is only used over https" in anna.say("/token seerr http://seerr.lan:5055 abcdefgh")


def test_a_pasted_token_does_not_reach_a_private_address(anna: Person) -> None:
    for address in ("https://127.0.0.1", "https://169.254.169.254", "https://[::1]:8443", "https://2130706433"):
        assert "connected" not in anna.say(f"/token bearer {address} abcdefgh1234")


# --- by signing in


def test_signing_in_connects_and_disconnecting_revokes(anna: Person, authority: AuthorizationServer) -> None:
    with browser() as client:
        done = sign_in(client, anna.link("oidc"))
    assert done.status_code == 200, words(done)
    assert "is connected" in words(done)
    assert "| oidc |" in anna.say("/credentials")
    assert authority.live_access_tokens()
    assert "revoked at the provider" in anna.say("/disconnect oidc")
    assert not authority.live_access_tokens()


def test_signing_in_with_github_works_and_revokes(anna: Person, github: GitHubServer) -> None:
    with browser() as client:
        done = sign_in(client, anna.link("github"))
        assert "octocat is connected" in words(done)
    assert "octocat" in anna.say("/gh-me")
    assert "revoked at the provider" in anna.say("/disconnect github")
    assert not github.tokens


def test_the_request_to_sign_in_is_complete(anna: Person, authority: AuthorizationServer) -> None:
    with browser() as client:
        begun = submit(client, anna.link("oidc"), way="oauth")
        query = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
        form_action = client.get(anna.link("oidc")).headers["content-security-policy"]
    assert begun.status_code == 303
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert len(query["state"]) >= 43
    assert query["redirect_uri"] == f"{anna.proxy.url}/roster/oauth/callback/oidc"
    assert origin(begun.headers["location"]) in form_action


def started(anna: Person, client: Any) -> str:
    """Begin a sign-in and return the callback address that the server sends the browser to."""
    begun = submit(client, anna.link("oidc"), way="oauth")
    return str(client.get(begun.headers["location"]).headers["location"])


def test_a_replayed_callback_is_refused(anna: Person, authority: AuthorizationServer) -> None:
    with browser() as client:
        callback = started(anna, client)
        assert client.get(callback).status_code == 200
        again = client.get(callback)
        assert again.status_code == 400
        assert "completed already" in words(again)
    assert len(authority.token_requests) == 1


def test_a_callback_in_another_browser_is_refused_before_the_code_is_used(
    anna: Person, authority: AuthorizationServer
) -> None:
    with browser() as client:
        callback = started(anna, client)
    for cookies in ({}, {"roster": "B" * 43}):
        with browser() as other:
            other.cookies.update(cookies)
            answer = other.get(callback)
            assert answer.status_code == 400
    assert not authority.token_requests
    assert anna.say("/credentials").startswith("You have no connected accounts")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "x" * 43},
        {"state": None},
        {"iss": "https://evil.test"},
        {"iss": None},
        {"iss": "https://evil.test", "error": "access_denied", "error_description": "<script>alert(1)</script>"},
        {"code": "wrong-code"},
        {"code": None},
        {"error": "access_denied", "error_description": "<script>alert(1)</script>"},
        {"error": "server_error"},
        {"error": "<script>alert(1)</script>"},
        {"error": "login_required"},
    ],
)
def test_a_bad_answer_of_the_sign_in_connects_nothing(
    change: dict[str, str | None], anna: Person, authority: AuthorizationServer
) -> None:
    authority.answers.append(change)
    with browser() as client:
        answer = client.get(started(anna, client))
    assert answer.status_code == 400
    assert "Nothing was stored" in words(answer)
    assert "<script" not in answer.text
    assert "alert(1)" not in answer.text
    if change.get("iss", "") is None or "evil" in str(change.get("iss")):
        assert "sign-in service that was asked" in words(answer)
        assert not authority.token_requests, "the code was not sent anywhere"
    assert anna.say("/credentials").startswith("You have no connected accounts")


def test_a_repeated_parameter_is_refused(anna: Person, authority: AuthorizationServer) -> None:
    with browser() as client:
        callback = started(anna, client)
        assert client.get(f"{callback}&code=other").status_code == 400
    assert not authority.token_requests


def test_a_state_does_not_work_for_another_provider(
    anna: Person, authority: AuthorizationServer, github: GitHubServer
) -> None:
    with browser() as client:
        callback = started(anna, client).replace("/callback/oidc", "/callback/github")
        assert client.get(callback).status_code == 400
        assert client.get(callback.replace("/callback/github", "/callback/none")).status_code == 400
    assert not authority.token_requests


def test_the_host_of_a_request_changes_nothing(anna: Person, authority: AuthorizationServer) -> None:
    link = anna.link("oidc")
    with browser() as client:
        page = client.get(link, headers={"host": "evil.test", "x-forwarded-host": "evil.test"})
        assert "evil" not in page.text
        begun = submit(client, link, way="oauth")
    assert "evil" not in begun.headers["location"]


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge_methods_supported": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"issuer": "https://evil.test"},
        {"token_endpoint": "http://169.254.169.254/token"},
        {"token_endpoint": None},
    ],
)
def test_unsafe_metadata_ends_before_anybody_is_sent_away(
    change: dict[str, object], fresh_sign_in: tuple[AuthorizationServer, Person]
) -> None:
    server, person = fresh_sign_in
    server.metadata_changes = change
    with browser() as client:
        page = client.get(person.link("oidc"))
    assert page.status_code == 422
    assert "Sign in with" not in words(page)
    assert not server.token_requests


@pytest.mark.parametrize(
    "answer",
    [
        HTMLResponse("<h1>nice</h1>"),
        PlainTextResponse("x" * 1_000_000),
        JSONResponse({"access_token": "at", "token_type": "mac"}),
        JSONResponse({"token_type": "bearer"}),
        JSONResponse(["at"]),
        JSONResponse({"error": "invalid_grant"}, 400),
        JSONResponse({"error": "server_error"}, 500),
        PlainTextResponse("slow down", 429, headers={"retry-after": "60"}),
    ],
)
def test_a_strange_token_answer_is_a_readable_page(answer: Any, anna: Person, authority: AuthorizationServer) -> None:
    authority.token_answers.append(answer)
    with browser() as client:
        page = client.get(started(anna, client))
    assert page.status_code == 400
    assert "Nothing was stored" in words(page)
    assert anna.say("/credentials").startswith("You have no connected accounts")


# --- kept fresh


WHO = "script: tool probe_whoami {}"


def signed_in(anna: Person) -> None:
    with browser() as client:
        assert sign_in(client, anna.link("oidc")).status_code == 200


@pytest.fixture
def prober(anna: Person) -> Person:
    """Somebody who talks to the test agent, whose skill uses the account `oidc`."""
    anna.agent = "agno/prober"
    return anna


def test_an_old_access_token_is_refreshed_before_it_is_used(prober: Person, authority: AuthorizationServer) -> None:
    authority.expires_in = 30
    signed_in(prober)
    authority.expires_in = 3600
    assert "u-1" in prober.say(WHO)
    assert [form["grant_type"] for form in authority.token_requests] == ["authorization_code", "refresh_token"]
    assert "u-1" in prober.say(WHO)
    assert len(authority.token_requests) == 2


def test_a_refused_access_token_is_refreshed_once_and_the_request_repeated(
    prober: Person, authority: AuthorizationServer
) -> None:
    signed_in(prober)
    authority.expire_access_tokens()
    assert "u-1" in prober.say(WHO)
    assert len(authority.token_requests) == 2


def test_twenty_callers_at_once_cause_one_refresh(prober: Person, authority: AuthorizationServer) -> None:
    signed_in(prober)
    authority.expire_access_tokens()
    authority.hold = threading.Event()
    body = {"model": "agno/prober", "messages": [{"role": "user", "content": WHO}]}
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(prober.post, body) for _ in range(20)]
        assert authority.holding.wait(20)
        while sum(seen.path == "/api/whoami" for seen in authority.requests) < 20:
            assert not authority.hold.wait(0.02)
        authority.hold.set()
        texts_of = [answer.result().text for answer in answers]
    assert all("u-1" in text for text in texts_of)
    assert len(authority.token_requests) == 2


def test_a_client_that_leaves_during_a_refresh_does_not_lose_the_new_token(
    prober: Person, authority: AuthorizationServer
) -> None:
    signed_in(prober)
    authority.expire_access_tokens()
    authority.hold = threading.Event()
    body = {"model": "agno/prober", "messages": [{"role": "user", "content": WHO}], "stream": True}
    with prober.proxy.http(prober.key) as client, suppress(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=body, timeout=2)
    assert authority.holding.is_set()
    authority.hold.set()
    authority.hold = None
    assert "u-1" in prober.say(WHO)
    assert len(authority.token_requests) == 2, "the rotated token was stored although nobody waited for it"


def test_a_refresh_that_fails_for_good_asks_to_connect_again(prober: Person, authority: AuthorizationServer) -> None:
    signed_in(prober)
    authority.revoke_all()
    assert LINK.search(prober.say(WHO))
    assert "refused: /connect oidc again" in prober.say("/credentials")
    count = len(authority.token_requests)
    assert LINK.search(prober.say(WHO))
    assert len(authority.token_requests) == count
    signed_in(prober)
    assert "u-1" in prober.say(WHO)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_sign_in_service_in_trouble_costs_nobody_their_account(
    status: int, prober: Person, authority: AuthorizationServer
) -> None:
    signed_in(prober)
    authority.expire_access_tokens()
    authority.token_answers.append(PlainTextResponse("trouble", status))
    assert "try again in a minute" in prober.say(WHO)
    assert "u-1" in prober.say(WHO)


def test_a_server_that_always_refuses_does_not_make_a_loop(prober: Person, authority: AuthorizationServer) -> None:
    signed_in(prober)
    authority.expire_access_tokens()
    bad = {"access_token": "at-never-valid", "token_type": "Bearer", "refresh_token": "rt-x", "expires_in": 3600}
    authority.token_answers.append(JSONResponse(bad))
    prober.say(WHO)
    assert len(authority.token_requests) == 2


# --- the record


def test_the_record_says_who_used_what_through_which_tool_and_how_it_ended(
    prober: Person, github: GitHubServer, authority: AuthorizationServer
) -> None:
    github.tokens[TOKEN] = Token("anna-gh")
    prober.connect("github", token=TOKEN)
    signed_in(prober)
    prober.say("script: tool github_whoami {}")
    prober.say('script: tool github_show {"reference": "no/repo#1"}')
    authority.expire_access_tokens()
    prober.say(WHO)
    prober.say("/disconnect oidc")
    printed = prober.proxy.cli("audit", "--user", prober.name, "--json").splitlines()
    rows = [row for row in map(json.loads, reversed(printed)) if row["kind"] == "credential"]
    seen = [(row["provider"], row["action"], row["by"], row["agent"], row["tool"], row["outcome"]) for row in rows]
    assert seen == [
        ("oidc", "disconnect", "user", "", "", "revoked"),
        ("oidc", "use", "user", "prober", "probe_whoami", "ok"),
        ("oidc", "refresh", "proxy", "", "", "ok"),
        ("github", "use", "user", "prober", "github_show", "failed"),
        ("github", "use", "user", "prober", "github_whoami", "ok"),
        ("oidc", "connect", "user", "", "", "ok"),
        ("github", "connect", "user", "", "", "ok"),
    ]
    assert "canary" not in str(rows)


def test_a_plugin_adds_a_kind_of_account_and_cannot_replace_one(anna: Person) -> None:
    answer = anna.say("/connect")
    assert "| `/connect example` | Example |" in answer
    assert "| `/connect github` | GitHub |" in answer


# --- languages


def test_every_language_has_every_text() -> None:
    names = {code: set(vars(texts(code))["_texts"]) for code in LANGUAGES}
    for code in LANGUAGES:
        assert names[code] == names["en"], code
    for name in names["en"] - {"language", "direction"}:
        fields = {code: sorted(re.findall(r"\{\w+\}", texts(code)(name))) for code in LANGUAGES}
        assert len({tuple(found) for found in fields.values()}) == 1, (name, fields)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.5, fr", "fr"),
        ("zh", "zh-CN"),
        ("zh-Hant-HK", "zh-TW"),
        ("zh-TW", "zh-TW"),
        ("pt-BR, es;q=0.3", "es"),
        ("he-IL", "he"),
        ("iw", "he"),
        ("xx, yy;q=nonsense", "en"),
        ("de;q=0, ru;q=0.1", "ru"),
        ("," * 5000, "en"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(header: str, code: str) -> None:
    assert negotiated(header).code == code


def test_hebrew_pages_run_from_right_to_left(anna: Person) -> None:
    with browser(**{"accept-language": "he"}) as client:
        page = client.get(anna.link("github"))
    assert 'dir="rtl"' in page.text
    assert page.headers["content-language"] == "he"
