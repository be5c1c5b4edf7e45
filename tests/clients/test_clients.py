"""Real client libraries talk to an agent: what each of them gets to see. docs/clients.md is made of it."""

import os
from typing import Any

import pytest

from tests.clients import page
from tests.clients.conftest import SAID, Seen
from tests.clients.installation import CLIENTS, Client

pytestmark = pytest.mark.timeout(600)
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
RIGHT_USAGE = [100, 7]
COLOUR = "#1d70b8"


def by_name(name: str) -> Client:
    return next(client for client in CLIENTS if client.name == name)


@each_client
def test_an_answer_arrives_whole_and_in_pieces(client: Client, seen: Seen) -> None:
    found = seen(client)
    assert (found["plain"], found["streamed"]) == (SAID, SAID)


@each_client
def test_an_agent_runs_its_own_tool_and_the_client_sees_what_came_of_it(client: Client, seen: Seen) -> None:
    assert COLOUR in seen(client)["tools"]


@each_client
def test_an_unknown_model_is_404_and_says_which_one_may_be_meant(client: Client, seen: Seen) -> None:
    found = seen(client)["unknown"]
    assert found["status"] == 404
    assert "Did you mean agno/demo-agent?" in found["text"]


@each_client
def test_a_wrong_key_is_401_in_words(client: Client, seen: Seen) -> None:
    found = seen(client)["wrong_key"]
    assert found["status"] == 401
    assert "This API key is not valid." in found["text"]
    assert found.get("code", "invalid_api_key") in {"invalid_api_key", "authentication_error"}


@each_client
def test_the_usage_is_the_one_of_the_model(client: Client, seen: Seen) -> None:
    found = seen(client)
    assert (found["usage"], found["usage_streamed"]) == (RIGHT_USAGE, RIGHT_USAGE)


@pytest.mark.parametrize("name", ["openai 2", "openai 3"])
def test_the_official_client_reads_responses_failed_ones_and_completions(name: str, seen: Seen) -> None:
    found = seen(by_name(name))
    assert found["responses"] == SAID
    assert found["failed"] == ["response.failed", "half an", "agno/demo-agent"]
    assert found["completions"] == SAID
    assert found["unknown"]["param"] == "model"


def test_anthropics_client_knows_the_error_its_id_and_counts(seen: Seen) -> None:
    found = seen(by_name("anthropic"))
    assert found["unknown"]["code"] == "not_found_error"
    assert found["wrong_key"]["named"] and found["unknown"]["named"]
    assert found["id"].startswith("msg_")
    assert 3 <= found["count"] <= 20


@pytest.mark.parametrize("name", ["openai-agents", "pydantic-ai"])
def test_a_second_turn_sends_back_what_the_first_one_returned(name: str, seen: Seen) -> None:
    assert seen(by_name(name))["second"] == SAID


def test_a_framework_that_insists_on_a_call_of_its_own_tool_is_told_why_not(seen: Seen) -> None:
    found = seen(by_name("pydantic-ai"))["forced"]
    assert found["status"] == 400
    assert "tool_choice" in found["text"]


def test_the_page_has_what_was_seen(seen: Seen) -> None:
    rows = [page.row(client.name, client.packages, _shown(seen(client))) for client in CLIENTS]
    if os.environ.get("WRITE_CLIENTS_PAGE"):
        page.write(rows)
    assert page.written() == page.table(rows), "`just docs-clients` writes it"


def _shown(found: dict[str, Any]) -> dict[str, str]:
    return {
        "plain": _yes(found["plain"] == SAID),
        "streamed": _yes(found["streamed"] == SAID),
        "tools": _yes(COLOUR in found["tools"]),
        "unknown model": str(found["unknown"]["status"]),
        "wrong key": str(found["wrong_key"]["status"]),
        "usage": "exact" if found["usage"] == found["usage_streamed"] == RIGHT_USAGE else "differs",
    }


def _yes(is_right: bool) -> str:
    return "yes" if is_right else "NO"
