"""Titles, tags, follow-ups, queries: what Open WebUI asks for itself reaches no agent, and questions always do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openwebui.user import TASKS, OpenWebUIUser
from tests.support.stand_ins.github import GitHubServer
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/github-agent"
HISTORY = [{"role": "user", "content": "/gh-me"}, {"role": "assistant", "content": "You are anna."}]


@pytest.fixture(scope="module")
def _autocomplete(admin: OpenWebUIUser) -> Iterator[None]:
    """Switched on, as an admin can."""
    before = admin.get("/api/v1/tasks/config")
    admin.post("/api/v1/tasks/config/update", before | {"ENABLE_AUTOCOMPLETE_GENERATION": True})
    yield
    admin.post("/api/v1/tasks/config/update", before)


def test_a_new_chat_is_named_by_its_first_words_and_only_the_question_reaches_the_agent(
    anna: OpenWebUIUser, model_server: ModelServer, github: GitHubServer
) -> None:
    chat = anna.chat(AGENT)
    answer = chat.ask("What waits for me today?\nscript: say Nothing.", tasks=TASKS)
    answer.settled()
    assert answer.has("chat:title").text == "Nothing."
    assert chat.saved()["title"].startswith("What waits for me today?")
    assert answer.saved["followUps"] == []
    assert len(model_server.requests) == 1
    assert not github.requests


def test_a_chat_that_is_one_command_is_named_and_the_command_runs_once(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    chat = anna.chat("agno/demo-agent")
    answer = chat.ask("/palette teal", tasks=TASKS).settled()
    assert answer.has("chat:title").text.count("teal") >= 1
    assert "palette teal" in chat.saved()["title"]
    assert not model_server.requests


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("title", {"messages": HISTORY}, {"title": "/gh-me"}),
        ("tags", {"messages": HISTORY}, {"tags": []}),
        ("follow_up", {"messages": HISTORY}, {"follow_ups": []}),
        ("queries", {"messages": HISTORY, "type": "web_search"}, {"queries": []}),
        ("queries", {"messages": HISTORY, "type": "retrieval"}, {"queries": []}),
        ("auto", {"messages": HISTORY, "prompt": "/gh-", "type": "search query"}, {"text": ""}),
    ],
)
def test_each_kind_of_background_task_is_answered_without_agent_model_or_account(
    path: str,
    body: dict[str, Any],
    answer: dict[str, Any],
    anna: OpenWebUIUser,
    model_server: ModelServer,
    github: GitHubServer,
    _autocomplete: None,
) -> None:
    completion = anna.post(f"/api/v1/tasks/{path}/completions", {"model": AGENT, **body})
    assert json.loads(completion["choices"][0]["message"]["content"]) == answer
    assert not model_server.requests
    assert not github.requests


@pytest.mark.parametrize(("path", "body"), [("emoji", {"prompt": "/gh-me"}), ("image_prompt", {"messages": HISTORY})])
def test_the_other_kinds_of_background_tasks_reach_no_agent_either(
    path: str, body: dict[str, Any], anna: OpenWebUIUser, model_server: ModelServer, github: GitHubServer
) -> None:
    completion = anna.post(f"/api/v1/tasks/{path}/completions", {"model": AGENT, **body})
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert not model_server.requests
    assert not github.requests


def test_background_tasks_of_a_plain_model_are_its_own_business(anna: OpenWebUIUser, model_server: ModelServer) -> None:
    anna.post("/api/v1/tasks/title/completions", {"model": "plain-model", "messages": HISTORY})
    assert "### Task:" in model_server.requests[-1]["messages"][0]["content"]


@pytest.mark.parametrize("start", ["Generate a concise title", "You are an autocompletion system"])
def test_a_person_may_write_what_a_background_task_looks_like(
    start: str, anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    question = f"### Task:\n{start}: what does this line do?\n<chat_history>\nscript: say It asks for a title."
    assert anna.chat(AGENT).ask(question).text == "It asks for a title."
    assert len(model_server.requests) == 1


def test_a_question_about_a_document_is_answered_although_it_looks_like_a_background_task(
    anna: OpenWebUIUser, model_server: ModelServer
) -> None:
    file = anna.upload("prices.csv", b"fruit,price\nquince,4\n")
    answer = anna.chat(AGENT).ask("script: say Quinces cost four.", files=[file], tasks=TASKS).settled()
    assert answer.text == "Quinces cost four."
    assert len(model_server.requests) == 1, "the query for the document was answered without the model"
    sent = model_server.requests[0]["messages"][-1]["content"]
    assert sent.startswith("### Task:")
    assert "fruit: quince" in sent
