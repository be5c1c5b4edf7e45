"""What is shown while a model is silent, where it says nothing at all, and of the pictures that it makes."""

import json
from typing import Any

import pytest

from agentroster.messages import say
from tests.support.activity import OPENWEBUI, frames, text_of
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

BOTH_LANES = True
CHAT = "/v1/chat/completions"
ASKING = say("runs.asking_model")
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def body(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "agno/demo-agent", "messages": [{"role": "user", "content": text}], **fields}


def line_of(frame: dict[str, Any]) -> str:
    return frame["event"]["data"]["description"] if "event" in frame else ""


def test_a_model_that_is_silent_is_shown_as_being_asked(proxy: RosterProcess, model_server: ModelServer) -> None:
    seen: list[dict[str, Any]] = []
    asked = body("script: silent some words", stream=True)
    with proxy.http() as client, client.stream("POST", CHAT, json=asked, headers=OPENWEBUI) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                seen.append(json.loads(line.removeprefix("data: ")))
            if seen and line_of(seen[-1]) == ASKING:
                # Not a word has come: only now does the model speak.
                assert not text_of(seen)
                model_server.release.set()
    assert text_of(seen) == "some words"
    assert list(filter(None, map(line_of, seen))) == [ASKING, say("runs.model_answers")]


def test_other_clients_are_not_told_and_a_model_that_speaks_at_once_is_not_mentioned(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    assert not [frame for frame in frames(proxy, "script: say hello", OPENWEBUI) if "event" in frame]
    found = frames(proxy, "script: pieces 5 2", {"x-agent-events": "reasoning"})
    assert not [frame for frame in found if "event" in frame or text_of([frame], "reasoning_content")]


def test_a_silent_model_that_fails_leaves_no_line_open_and_its_error_is_told(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    with proxy.http() as client:
        text = client.post(CHAT, json=body("script: hang", stream=True), headers=OPENWEBUI).text
    found = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]
    assert [line_of(frame) for frame in found[:2]] == [ASKING, say("runs.stopped")]
    assert found[-1]["error"]["code"] == "upstream_timeout"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("parts", ['[""]', '[" ", "\\n"]'])
def test_an_answer_without_a_word_is_a_sentence(
    proxy: RosterProcess, model_server: ModelServer, parts: str, stream: bool
) -> None:
    text = f"script: parts {parts}"
    if stream:
        said = text_of(frames(proxy, text, {}))
    else:
        with proxy.http() as client:
            said = client.post(CHAT, json=body(text)).json()["choices"][0]["message"]["content"]
    assert said.strip() == say("runs.empty_answer")


def test_an_answer_that_a_program_reads_has_no_sentence_of_ours(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    found = frames(proxy, 'script: parts [""]', {}, response_format={"type": "json_object"})
    assert text_of(found) == ""


@pytest.mark.parametrize("wish", [OPENWEBUI, {}])
def test_a_picture_of_the_models_is_shown_as_one(
    proxy: RosterProcess, model_server: ModelServer, wish: dict[str, str]
) -> None:
    found = frames(proxy, f"script: draw {PICTURE}", wish)
    images = [image for frame in found for choice in frame["choices"] for image in choice["delta"].get("images") or []]
    assert [image["image_url"]["url"] for image in images] == [PICTURE]
    assert text_of(found) == "Here it is."
    with proxy.http() as client:
        message = client.post(CHAT, json=body(f"script: draw {PICTURE}")).json()["choices"][0]["message"]
    assert message["content"] == "Here it is."
    assert [image["image_url"]["url"] for image in message["images"]] == [PICTURE]


@pytest.mark.parametrize(
    "url",
    [
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:text/html;base64,PGI+",
        "javascript:alert(1)",
        "https://example.org/p.png",
    ],
)
def test_only_the_data_of_a_picture_is_passed_on_as_one(
    proxy: RosterProcess, model_server: ModelServer, url: str
) -> None:
    found = frames(proxy, f"script: draw {url}", OPENWEBUI)
    assert not [choice for frame in found for choice in frame["choices"] if choice["delta"].get("images")]
    assert "![" not in text_of(found)
    assert "Here" in text_of(found)
