"""Each kind of account proves its token in its own way, and says what is wrong with it."""

import pytest

from tests.support.chatting import Person, browser, submit, words
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.services import EMAIL, TOKEN

RIGHT = [
    ("jira", "cloud", {"email": EMAIL, "token": TOKEN}, "Anna Cloud"),
    ("jira", "server", {"token": TOKEN}, "Anna Server"),
    ("seerr", "seerr", {"token": TOKEN}, "Anna Seerr"),
    ("forgejo", "forgejo", {"token": TOKEN}, "anna-f"),
    ("llm", "llm/v1", {"model": "m1", "token": TOKEN}, "m1"),
    ("bearer", "bearer/v1", {"token": TOKEN}, "/bearer/v1"),
]
WRONG = [
    ("jira", "cloud", {"token": TOKEN}, "give the e-mail address"),
    ("jira", "server", {"email": EMAIL, "token": TOKEN}, "leave the e-mail address empty"),
    ("jira", "cloud", {"email": "bert@example.com", "token": TOKEN}, "does not accept this"),
    ("jira", "nowhere", {"token": TOKEN}, "no such service at this address"),
    ("jira", "html", {"token": TOKEN}, "did not answer as it should"),
    ("seerr", "seerr", {"token": "wrong-token"}, "does not accept this"),
    ("seerr", "forgejo", {"token": TOKEN}, "no such service at this address"),
    ("forgejo", "forgejo", {"token": "wrong-token"}, "does not accept this"),
    ("llm", "llm/v1", {"model": "m2", "token": TOKEN}, "There are: m1."),
    ("llm", "llm/v1", {"model": "m1", "token": "wrong-token"}, "does not accept this"),
    ("bearer", "bearer/v1", {"token": "wrong-token"}, "does not accept this"),
]


@pytest.fixture
def anna(proxy: RosterProcess, request: pytest.FixtureRequest) -> Person:
    return Person(proxy, f"prov-{abs(hash(request.node.name)) % 10**8}")


@pytest.mark.parametrize(("provider", "path", "fields", "label"), RIGHT)
def test_a_right_token_is_proven_in_the_services_own_way(
    provider: str, path: str, fields: dict[str, str], label: str, anna: Person, services_url: str
) -> None:
    done = anna.connect(provider, url=f"{services_url}/{path}", **fields)
    assert done.status_code == 200, words(done)
    assert label in words(done)
    assert f"| {provider} |" in anna.say("/credentials")
    assert TOKEN not in anna.proxy.log


@pytest.mark.parametrize(("provider", "path", "fields", "reason"), WRONG)
def test_what_is_wrong_is_said_and_nothing_is_stored(
    provider: str, path: str, fields: dict[str, str], reason: str, anna: Person, services_url: str
) -> None:
    with browser() as client:
        page = submit(client, anna.link(provider), url=f"{services_url}/{path}", **fields)
    assert page.status_code == 422
    assert reason in words(page)
    assert TOKEN not in page.text
    assert anna.say("/credentials").startswith("You have no connected accounts")


def test_the_words_of_a_pasted_token_are_its_fields(anna: Person, services_url: str) -> None:
    assert "connected as Anna Cloud" in anna.say(f"/token jira {services_url}/cloud {EMAIL} {TOKEN}")
    assert "connected as Anna Server" in anna.say(f"/token jira {services_url}/server {TOKEN}")
