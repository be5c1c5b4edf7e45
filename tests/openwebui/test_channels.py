"""Channels, where several people talk: an agent that is mentioned answers whoever mentioned it."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.chatting import LINK
from tests.support.openwebui.user import Event, OpenWebUIUser
from tests.support.stand_ins.github import GitHubServer
from tests.support.stand_ins.model_server import ModelServer

DEMO, GITHUB = "agno/demo-agent", "agno/github-agent"
SETTINGS = "/api/v1/auths/admin/config"


@pytest.fixture(scope="module")
def channel(admin: OpenWebUIUser, anna: OpenWebUIUser, bert: OpenWebUIUser) -> Iterator[str]:
    """A channel of Anna and Bert; an admin switched channels on."""
    before = admin.get(SETTINGS)
    admin.post(SETTINGS, before | {"ENABLE_CHANNELS": True})
    form = {"name": f"colours-{uuid4().hex[:6]}", "type": "group", "user_ids": [anna.id, bert.id]}
    yield admin.post("/api/v1/channels/create", form)["id"]
    admin.post(SETTINGS, before)


def mention(user: OpenWebUIUser, channel: str, text: str, agent: str = DEMO, thread: str | None = None) -> Any:
    """Write a message that mentions an agent, and return the agent's finished answer."""
    message = {"content": f"<@M:{agent}|Agent>\n{text}", "parent_id": thread}
    earlier = {event["data"]["id"] for event in user.inbox.of(channel)}

    def answers(events: list[Event]) -> list[dict[str, Any]]:
        found = [event["data"] for event in events if event["data"].get("id") not in earlier]
        return [message for message in found if (message.get("meta") or {}).get("done")]

    user.post(f"/api/v1/channels/{channel}/messages/post", message)
    user.inbox.wait(channel, lambda events: bool(answers(events)))
    return answers(user.inbox.of(channel))[-1]


def test_a_mentioned_agent_answers_in_the_channel(anna: OpenWebUIUser, channel: str, model_server: ModelServer) -> None:
    answer = mention(anna, channel, "script: say Teal goes with sand.")
    assert answer["content"] == "Teal goes with sand."
    assert answer["meta"]["model_id"] == DEMO
    assert len(model_server.requests) == 1


def test_everybody_in_a_channel_acts_with_their_own_account(
    anna: OpenWebUIUser, bert: OpenWebUIUser, channel: str, model_server: ModelServer
) -> None:
    for user, colour in ((anna, "orange"), (bert, "green")):
        user.chat(DEMO).ask(f"/favourite {colour}")
    ask = "script: tool favourite_colour {}"
    assert "orange" in mention(anna, channel, ask)["content"]
    assert "green" in mention(bert, channel, ask)["content"]


def test_an_agent_goes_on_in_a_thread_without_being_told_its_cards(
    anna: OpenWebUIUser, channel: str, model_server: ModelServer
) -> None:
    first = mention(anna, channel, 'script: tool colour_palette {"base": "blue"}')
    assert "#1d70b8" in first["content"]
    mention(anna, channel, "script: say and more", thread=first["parent_id"])
    told = str(model_server.requests[-1]["messages"])
    assert "The tool said" in told, "the thread so far"
    assert "<details" not in told


def test_a_link_to_connect_an_account_is_never_written_where_others_read(
    anna: OpenWebUIUser, channel: str, model_server: ModelServer, github: GitHubServer
) -> None:
    anna.chat(GITHUB).ask("/disconnect github")
    answer = mention(anna, channel, "script: tool github_whoami {}", agent=GITHUB)["content"]
    assert not LINK.search(answer)
    assert "/connect github" in answer
