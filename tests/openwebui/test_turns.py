"""Conversations: what the model is told after another turn, a new answer, an edit; and how answers are stopped."""

from typing import Any

import httpx

from tests.support.openwebui.user import OpenWebUIUser
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return who said what, without the agent's own instructions."""
    return [(message["role"], message["content"]) for message in body["messages"] if message["role"] != "system"]


def test_the_second_turn_brings_the_whole_conversation(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    chat = anna.chat(AGENT)
    chat.ask("script: say first answer")
    assert chat.ask("script: say second answer").text == "second answer"
    assert conversation(model_server.requests[-1]) == [
        ("user", "script: say first answer"),
        ("assistant", "first answer"),
        ("user", "script: say second answer"),
    ]


def test_thinking_is_shown_as_thinking_and_not_told_to_the_model_again(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    chat = anna.chat(AGENT)
    answer = chat.ask("script: think So be it.")
    assert (answer.thinking, answer.text) == ("Let me think.", "So be it.")
    chat.ask("script: say more")
    assert conversation(model_server.requests[-1])[1] == ("assistant", "So be it.")


def test_another_answer_does_not_see_the_one_it_replaces(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    chat = anna.chat(AGENT)
    first = chat.ask("script: say an answer")
    second = chat.regenerate(first)
    assert second.id != first.id
    assert conversation(model_server.requests[-1]) == [("user", "script: say an answer")]
    assert set(chat.saved()["history"]["messages"]) == {first.question["id"], first.id, second.id}


def test_an_edited_question_begins_a_branch_without_what_came_after_it(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    chat = anna.chat(AGENT)
    chat.ask("script: say one")
    second = chat.ask("script: say two")
    chat.ask("script: say three")
    chat.edit(second, "script: say another two")
    assert conversation(model_server.requests[-1]) == [
        ("user", "script: say one"),
        ("assistant", "one"),
        ("user", "script: say another two"),
    ]
    chat.ask("script: say four")
    assert [text for _, text in conversation(model_server.requests[-1])][2:4] == [
        "script: say another two",
        "another two",
    ]


def test_two_agents_answer_one_question_each_for_itself(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answers = anna.chat(AGENT, "agno/haiku").send("script: say from each")
    assert [answer.done().text for answer in answers] == ["from each", "from each"]
    assert [answer.saved["model"] for answer in answers] == [AGENT, "agno/haiku"]
    systems = {body["messages"][0]["content"] for body in model_server.requests}
    assert len(systems) == 2, "each agent has its own instructions"


def test_a_temporary_chat_remembers_and_is_not_kept(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    chat = anna.chat(AGENT, temporary=True)
    chat.ask("script: say first")
    assert chat.ask("script: say second").text == "second"
    assert [text for _, text in conversation(model_server.requests[-1])] == [
        "script: say first",
        "first",
        "script: say second",
    ]
    assert anna.http.get(f"/api/v1/chats/{chat.id}").status_code != httpx.codes.OK


def test_stop_closes_the_call_to_the_model_and_keeps_what_was_said(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    chat = anna.chat(AGENT)
    answer = chat.send("script: hang I was just about")[0]
    answer.until(lambda events: "about" in str(events))
    chat.stop()
    assert model_server.cancelled.wait(10)
    answer.done()
    assert answer.saved["content"].strip() == "I was just about"


def test_stop_works_before_the_first_word(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    chat = anna.chat(AGENT)
    answer = chat.send("script: hang")[0]
    assert model_server.hanging.wait(10)
    chat.stop()
    assert model_server.cancelled.wait(10)
    answer.done()


def test_usage_of_all_model_calls_is_shown_with_the_answer(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answer = anna.chat(AGENT).ask('script: tool colour_palette {"base": "blue"}')
    usage = answer.saved["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (200, 14)


def test_a_failure_before_the_first_word_says_what_to_do(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    answer = anna.chat(AGENT).ask("script: status 500")
    assert answer.saved["error"]["content"] == (
        "The language model failed (status 500): scripted failure 500. Try again a little later."
    )


def test_a_failure_after_some_words_keeps_them_and_says_what_to_do(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    answer = anna.chat(AGENT).ask("script: event-error")
    assert answer.text.strip() == "some"
    assert "Try again a little later." in str(answer.saved["error"]["content"])
