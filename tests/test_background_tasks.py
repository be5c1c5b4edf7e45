"""What Open WebUI asks for itself is answered without agent, tool or account; a person's message never is."""

import json
from typing import Any

import httpx
import pytest

from agentroster.identity.caller import ANONYMOUS
from agentroster.llm.backend import ModelChoice
from agentroster.llm.endpoint import Endpoint
from agentroster.runs.background_task import answer_task, fixed_answer, recognised
from agentroster.runs.chat import ChatRequest
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import KEY, ModelServer

TITLE = """### Task:
Generate a concise title summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: script: tool favourite_colour {"colour": "red"}
ASSISTANT: Noted.
</chat_history>"""
TAGS = "### Task:\nGenerate 1-3 broad tags categorizing ...\n<chat_history>\nUSER: hello\n</chat_history>"
FOLLOW_UPS = "### Task:\nPredict 3-5 useful messages this user ...\n<chat_history>\nUSER: hello\n</chat_history>"
QUERIES = "### Task:\nAnalyze the chat history to determine the necessity of ...\n<chat_history>\n</chat_history>"
COMPLETION = "### Task:\nYou are an autocompletion system. Continue ...\n<type>General</type>\n<text>Hel</text>"
ATTACHED = """### Task:
Respond to the user query using the provided context, incorporating inline citations.
<context><source id="1">colour,teal</source></context>
script: say It says teal."""


def ask(proxy: RosterProcess, text: str, task: str | None = None, **options: Any) -> httpx.Response:
    body = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": text}], **options}
    headers = {} if task is None else {"x-openwebui-task": task}
    with proxy.http() as client:
        return client.post("/v1/chat/completions", json=body, headers=headers)


def answer(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("task", "prompt", "expected"),
    [
        ("title_generation", TITLE, {"title": 'script: tool favourite_colour {"colour": "red"}'}),
        ("tags_generation", TAGS, {"tags": []}),
        ("follow_up_generation", FOLLOW_UPS, {"follow_ups": []}),
        ("query_generation", QUERIES, {"queries": []}),
        ("autocomplete_generation", COMPLETION, {"text": ""}),
    ],
)
def test_a_task_is_answered_at_once_without_model_and_tool(
    proxy: RosterProcess,
    model_server: ModelServer,
    *,
    task: str,
    prompt: str,
    expected: dict[str, object],
    header: bool,
) -> None:
    assert json.loads(answer(ask(proxy, prompt, task if header else None))) == expected
    assert model_server.requests == []


@pytest.mark.parametrize("task", ["emoji_generation", "moa_response_generation", "function_calling", "never_heard_of"])
def test_every_task_by_header_stays_away_from_the_agent(
    proxy: RosterProcess, model_server: ModelServer, task: str
) -> None:
    answer(ask(proxy, "/favourite red", task))
    assert model_server.requests == []


def test_a_task_runs_no_command_and_opens_no_account(proxy: RosterProcess, model_server: ModelServer) -> None:
    for command in ("/favourite red", "/connect github", "/credentials", "/disconnect github", "/token github ghp_x"):
        assert json.loads(answer(ask(proxy, command, "title_generation")))["title"]
    assert "connect/" not in answer(ask(proxy, "/connect github", "tags_generation"))


def test_a_task_of_a_plain_model_goes_to_that_model(proxy: RosterProcess, model_server: ModelServer) -> None:
    reply = answer(ask(proxy, "script: say A title", "title_generation", model="plain-model"))
    assert reply == "A title"
    assert len(model_server.requests) == 1


def test_a_question_with_an_attached_file_is_answered(proxy: RosterProcess, model_server: ModelServer) -> None:
    assert answer(ask(proxy, ATTACHED)) == "It says teal."
    assert answer(ask(proxy, ATTACHED, "")) == "It says teal."
    # An Open WebUI that does not know this name in its own settings sends it as it is.
    assert answer(ask(proxy, ATTACHED, "{{TASK}}")) == "It says teal."


@pytest.mark.parametrize("prompt", [TITLE, TAGS, FOLLOW_UPS, QUERIES, COMPLETION])
def test_a_person_may_ask_anything_that_looks_like_a_task(prompt: str) -> None:
    message = {"role": "user", "content": prompt}
    assert recognised("", [message], stream=False) is None
    assert recognised(None, [message], stream=True) is None
    assert recognised(None, [message, message], stream=False) is None
    assert recognised(None, [{"role": "user", "content": f"What does this mean?\n{prompt}"}], stream=False) is None
    assert recognised(None, [{"role": "user", "content": prompt.split("<", maxsplit=1)[0]}], stream=False) is None


def test_an_unknown_agent_and_a_forbidden_one_have_no_tasks_either(proxy: RosterProcess) -> None:
    assert ask(proxy, TITLE, "title_generation", model="agno/nobody").status_code == 404


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("<chat_history>\nUSER: What is\n  the weather?\nASSISTANT: Fine.\n</chat_history>", "What is the weather?"),
        ("<chat_history>\nUSER: " + "word " * 40, "word word word word word word word word word"),
        ("<chat_history>\nUSER: " + "x" * 500, "x" * 48),
        ("<chat_history>\nUSER: 你好，请帮我\n</chat_history>", "你好，请帮我"),
        ("nothing of the kind", "New chat"),
        ("<chat_history>\nUSER: Hello\n" + "more\n" * 4_000_000, "Hello" + " more" * 8),
    ],
)
def test_a_title_is_the_first_words_of_the_chat(prompt: str, title: str) -> None:
    assert json.loads(fixed_answer("title_generation", prompt)) == {"title": title}


def test_a_streamed_task_is_a_stream(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = ask(proxy, TAGS, "tags_generation", stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert '{\\"tags\\": []}' in response.text
    assert response.text.rstrip().endswith("[DONE]")


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "expected"), [(0, "A small title"), (500, '{"title": "hello"}')])
async def test_a_small_model_answers_when_the_operator_names_one(
    model_server: ModelServer, _model_server: tuple[ModelServer, str], status: int, expected: str
) -> None:
    model_server.next_status = status
    prompt = "<chat_history>\nUSER: hello\nscript: say A small title"
    message = {"role": "user", "content": prompt if not status else "<chat_history>\nUSER: hello\n</chat_history>"}
    request = ChatRequest(agent="demo-agent", caller=ANONYMOUS, messages=[message], task="title_generation")
    async with httpx.AsyncHTTPTransport() as transport:
        endpoint = Endpoint(transport, base_url=f"{_model_server[1]}/v1", api_key=KEY, timeout_seconds=10)
        assert await answer_task(request, ModelChoice("small", endpoint)) == expected
    assert [sent["model"] for sent in model_server.requests] == ["small"]
