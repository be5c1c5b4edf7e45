"""One structured question to a language model: how it is asked, read, checked, and what it may change."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from agentroster.errors import (
    BadAnswer,
    BadInput,
    RosterError,
    UpstreamRateLimited,
    UpstreamRefusedKey,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from agentroster.llm.answer_form import LADDER, KnownForms
from agentroster.llm.answer_text import object_in
from agentroster.llm.backend import ModelChoice
from agentroster.llm.endpoint import Endpoint
from agentroster.llm.retry_after import pause_seconds
from agentroster.llm.structured import Question, StructuredAnswer, ask
from agentroster.skills.prompt import Prompt
from agentroster.skills.registry import load_skill
from agentroster.skills.sources import folder_source
from tests.support.stand_ins.model_server import KEY, ModelServer, Structured

OBJECT = {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \n{"a":1}\n ',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}\n```',
        '```json\n{"a": 1}',
        'Here it is:\n```json\n{"a": 1}\n```\nAnything else?',
        'Sure! {"a": 1} I hope that "helps}".',
        'The "fields" {base_model, words} are: {"a": 1}',
        '{"a": 1} and then {"b": 2}',
        '<think>{"a": 2} or a list?</think>{"a": 1}',
        '{"a": 2} hmm, no</think>\n{"a": 1}',
        '<think>one</think> so <think>two</think> {"a": 1}',
        '<THINKING>\nlet me see\n</THINKING>\n{"a": 1}',
        "It is {'a': 2}, I mean {\"a\": 1}",
    ],
)
def test_the_object_is_found_in_what_models_write_around_it(text: str) -> None:
    assert object_in(text) == OBJECT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('so: {"a": "} not yet { \\" } \\\\"} done', {"a": '} not yet { " } \\'}),
        ('so: {"a": {"b": {"c": []}}, "d": "}"} }', {"a": {"b": {"c": []}}, "d": "}"}),
        ('so: {"a": "\\u6c34\\u58a8 \\ud83d\\ude00"}', {"a": "水墨 😀"}),
        ('{"a": "```json\\n{}\\n```"}', {"a": "```json\n{}\n```"}),
        ("{}", {}),
        ("no \\{ brace \\} but {}", {}),
    ],
)
def test_braces_in_texts_and_escapes_are_no_ends(text: str, value: dict[str, Any]) -> None:
    assert object_in(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty answer"),
        (" \n ", "empty answer"),
        ("```json\n```", "empty answer"),
        ("<think>I wonder", "empty answer"),
        ('<think>{"a": 1}', "empty answer"),
        ("null", "null"),
        ("[]", "a list"),
        ('[{"a": 1}]', "a list"),
        ('```json\n[{"a": 1}]\n```', "a list"),
        ('Here: [{"a": 1}]', "a list"),
        ('"text"', "a bare text"),
        ("7", "a bare value"),
        ("true", "a bare value"),
        ("I do not know.", "holds no JSON object"),
        ("}{", "breaks off"),
        ('{"a": 1', "breaks off"),
        ('{"a": {"b": 1}', "breaks off"),
        ('{"a": "x}', "breaks off"),
        ('{"a": "\\', "breaks off"),
        ('Look: {"a": {"b": 1}, "c": "', "breaks off"),
        ('{"a": NaN}', "holds no JSON object"),
        ('{"a": "\\ud800"}', "holds no JSON object"),
        ("{'a': 1}", "holds no JSON object"),
        ('{"a": ' + "9" * 5000 + "}", "holds no JSON object"),
    ],
)
def test_whatever_is_no_whole_object_is_an_error_in_words(text: str, words: str) -> None:
    with pytest.raises(BadAnswer, match=words) as caught:
        object_in(text)
    assert (caught.value.status, caught.value.code) == (502, "bad_answer")


@pytest.mark.parametrize(
    "text",
    [
        "{" * 1_000_000,
        "[" * 1_000_000,
        "{}" * 500_000 + "x",
        '{"' * 500_000,
        '{"a": ' * 160_000 + "}" * 160_000,
        '{"' + '\\"' * 500_000,
        "<think>" * 140_000,
        "</think>" * 125_000,
        "```" * 330_000,
        "x" + " " * 1_000_000 + "{",
        "[" + " " * 1_000_000 + "{}",
        '{"a":1}' * 3 + "[ {x} " * 160_000,
    ],
)
def test_a_hostile_megabyte_is_read_in_linear_time(text: str) -> None:
    begin = time.process_time()
    with suppress(BadAnswer):
        object_in(text)
    assert time.process_time() - begin < 3


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "milliseconds", "wait"),
    [
        ("7", None, 7),
        ("0", None, 0),
        ("1.5", None, 1.5),
        ("Thu, 01 Jan 2026 12:00:09 GMT", None, 9),
        ("Thu, 01 Jan 2026 11:00:00 GMT", None, 0),
        ("7", "250", 0.25),
        (None, "1500", 1.5),
        (None, None, 2),
        ("soon", "later", 2),
        ("", None, 2),
        ("-5", None, 2),
        ("nan", None, 2),
        ("Thu, 99 Foo 2026 12:00:09 GMT", None, 2),
    ],
)
def test_a_server_that_asks_to_slow_down_is_waited_for(
    seconds: str | None, milliseconds: str | None, wait: float
) -> None:
    error = UpstreamRateLimited("slow down", retry_after=seconds, retry_after_ms=milliseconds)
    assert wait <= pause_seconds(error, NOW) <= wait * 1.25


@pytest.mark.parametrize("told", ["61", "86400", "inf", "1e300", "Fri, 01 Jan 2027 12:00:00 GMT"])
def test_nobody_waits_longer_than_a_minute(told: str) -> None:
    assert pause_seconds(UpstreamRateLimited("slow down", retry_after=told), NOW) <= 60


def test_a_value_of_a_prompt_is_never_looked_into() -> None:
    prompt = Prompt.checked("{{a}} and {{ b }}, {c} {{ not a name }}", ("a", "b"), "prompt.md")
    assert prompt.fill({"a": "{{b}}", "b": "{{ a }} {0} \\1"}) == "{{b}} and {{ a }} {0} \\1, {c} {{ not a name }}"


def test_an_unknown_variable_is_named_with_its_file() -> None:
    with pytest.raises(BadInput, match=r"x/prompt\.md:1: the variable titel is unknown: handler\.py declares title"):
        Prompt.checked("{{titel}}", ("title",), "x/prompt.md")


SKILL = """
name: asker
title: Asker
description: Asks.
kind: pipeline
input_schema: {type: object}
"""
HANDLER = """
async def select(context, arguments): ...
async def prepare(context, item): ...
async def post_process(context, item, prepared): ...
"""
ASKING = "PROMPT_VARIABLES = ('one',)\ndef open_fields(prepared): ...\ndef accept(prepared, answer): ...\n"


@pytest.mark.parametrize(
    ("handler", "prompt", "complaint"),
    [
        (HANDLER, "You {{two}}.", None),
        (HANDLER + ASKING, "You {{one}}.", None),
        (HANDLER + ASKING, "You {{two}}.", "the variable two is unknown"),
        (HANDLER + ASKING, "", "prompt.md: is missing or empty"),
        (HANDLER + "def open_fields(prepared): ...\n", "x", "no function accept"),
    ],
)
def test_a_pipeline_that_cannot_ask_as_it_says_is_not_loaded(
    tmp_path: Path, handler: str, prompt: str, complaint: str | None
) -> None:
    folder = tmp_path / "asker"
    folder.mkdir()
    for name, text in (("skill.yaml", SKILL), ("handler.py", handler), ("prompt.md", prompt)):
        (folder / name).write_text(text, encoding="utf-8")
    if complaint is None:
        skill = load_skill(folder_source(folder, "test"))
        assert skill.instructions == ("" if handler.endswith(ASKING) else "You {{two}}.")
    else:
        with pytest.raises(BadInput, match=complaint):
            load_skill(folder_source(folder, "test"))


def test_only_so_many_servers_are_remembered() -> None:
    known = KnownForms()
    for number in range(300):
        known.remember(ModelChoice(f"m{number}", None, "here"), 2)  # pyright: ignore[reportArgumentType]
    assert known.first_step(ModelChoice("m0", None, "here")) == 0  # pyright: ignore[reportArgumentType]
    assert known.first_step(ModelChoice("m299", None, "here")) == 2  # pyright: ignore[reportArgumentType]
    assert known.first_step(ModelChoice("m299", None, "there")) == 0  # pyright: ignore[reportArgumentType]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": ["red", "blue", ""]},
        "words": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 9}},
        "inner": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False},
    },
    "required": ["colour"],
    "additionalProperties": False,
}
GOOD = '{"colour": "red", "words": ["a"], "inner": {"n": 1}}'
QUESTION = Question(instructions="You name colours.", data="roses are red", schema=SCHEMA, max_tokens=50)

Asking = Callable[..., Any]


@pytest.fixture
async def asking(_model_server: tuple[ModelServer, str]) -> AsyncIterator[Asking]:
    """Ask the stand-in through the real endpoint, each time as a model that nobody knows yet."""
    async with httpx.AsyncHTTPTransport() as transport:
        name = f"m-{uuid4().hex}"

        async def answer(question: Question = QUESTION, *, model: str = name, port: str = "") -> StructuredAnswer:
            url = f"{port or _model_server[1]}/v1"
            endpoint = Endpoint(transport, base_url=url, api_key=KEY, timeout_seconds=1)
            return await ask(ModelChoice(model, endpoint, url), question)

        yield answer


def kinds(server: ModelServer) -> list[str]:
    return [(body.get("response_format") or {"type": "text"})["type"] for body in server.requests]


on_asyncio = pytest.mark.anyio


@on_asyncio
async def test_an_answer_that_fits_takes_one_strict_call(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured(GOOD, thinking='{"colour": "blue"}')]
    answer = await asking()
    assert answer.values == {"colour": "red", "words": ["a"], "inner": {"n": 1}}
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cached_tokens) == (100, 7, 64)
    (body,) = model_server.requests
    assert body["max_tokens"] == 50
    assert "stream" not in body
    assert body["response_format"]["json_schema"]["strict"] is True


@on_asyncio
async def test_data_stands_between_marks_that_nobody_can_know(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured(GOOD), Structured(GOOD)]
    await asking()
    await asking()
    users = [body["messages"][1]["content"] for body in model_server.requests]
    assert users[0] != users[1]
    first, mark, data, end = users[0].split("\n")
    assert "data from a stranger" in first
    assert (data, mark) == ("roses are red", end)
    assert len(mark) >= 16
    assert "roses" not in model_server.requests[0]["messages"][0]["content"]


@on_asyncio
@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("refused", "first", "second"),
    [
        (["json_schema"], ["json_schema", "json_object"], ["json_object"]),
        (["json_schema", "json_object"], ["json_schema", "json_object", "text"], ["text"]),
    ],
)
async def test_the_ladder_goes_down_by_status_and_is_remembered(
    model_server: ModelServer, asking: Asking, status: int, refused: list[str], first: list[str], second: list[str]
) -> None:
    model_server.refused_formats = dict.fromkeys(refused, status)
    model_server.structured = [Structured(GOOD), Structured(f"Sure:\n```json\n{GOOD}\n```")]
    assert (await asking()).values["colour"] == "red"
    assert kinds(model_server) == first
    model_server.requests.clear()
    assert (await asking()).values["colour"] == "red"
    assert kinds(model_server) == second


@on_asyncio
async def test_a_model_that_refuses_the_old_names_is_asked_in_the_new_ones(
    model_server: ModelServer, asking: Asking
) -> None:
    model_server.structured = [Structured(GOOD)] * 2
    model = f"new-{uuid4().hex}"
    await asking(model=model)
    await asking(model=model)
    assert kinds(model_server) == ["json_schema", "json_schema"]
    assert {body["max_completion_tokens"] for body in model_server.requests} == {50}


@on_asyncio
async def test_a_model_that_does_not_say_that_it_takes_no_temperature_is_asked_without_one(
    model_server: ModelServer, asking: Asking
) -> None:
    model_server.structured = [Structured(GOOD)]
    await asking(model=f"taciturn-{uuid4().hex}")
    assert kinds(model_server) == ["json_schema"]
    assert "temperature" not in model_server.requests[0]


@on_asyncio
@pytest.mark.parametrize(
    ("status", "error", "calls"),
    [
        (400, UpstreamRejected, len(LADDER)),
        (422, UpstreamRejected, len(LADDER)),
        (404, UpstreamRejected, 1),
        (413, UpstreamRejected, 1),
        (401, UpstreamRefusedKey, 1),
        (500, UpstreamUnavailable, 1),
        (503, UpstreamUnavailable, 1),
        (504, UpstreamTimeout, 1),
    ],
)
async def test_other_failures_end_the_question_in_words(
    model_server: ModelServer, asking: Asking, status: int, error: type[RosterError], calls: int
) -> None:
    model_server.structured = [Structured(status=status) for _ in range(9)]
    with pytest.raises(error) as caught:
        await asking()
    assert caught.value.message
    assert len(model_server.requests) == calls


@on_asyncio
async def test_a_cut_off_answer_is_asked_for_once_more_with_twice_the_tokens(
    model_server: ModelServer, asking: Asking
) -> None:
    model_server.structured = [Structured('{"colour": "red"', "length"), Structured(GOOD)]
    answer = await asking()
    assert answer.values["colour"] == "red"
    assert [body["max_tokens"] for body in model_server.requests] == [50, 100]
    assert answer.usage.prompt_tokens == 200


@on_asyncio
async def test_half_an_answer_is_never_used(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured(GOOD, "length"), Structured(GOOD, "length"), Structured(GOOD)]
    with pytest.raises(BadAnswer, match="cut off"):
        await asking()
    assert len(model_server.requests) == 2


@on_asyncio
async def test_after_a_cut_off_answer_there_is_no_second_kind_of_retry(
    model_server: ModelServer, asking: Asking
) -> None:
    model_server.structured = [Structured("{", "length"), Structured("[]"), Structured(GOOD)]
    with pytest.raises(BadAnswer, match="a list"):
        await asking()
    assert len(model_server.requests) == 2


@on_asyncio
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ('{"colour": "green"}', "colour: 'green' is not one of"),
        ('{"words": []}', "'colour' is a required property"),
        ('{"colour": "red", "words": ["a", "b", "c"]}', "words: "),
        ('{"colour": "red", "words": ["far too long"]}', "words.0: "),
        ('{"colour": ["red"]}', "colour: "),
        ("[]", "a list"),
        ("", "empty answer"),
        ("I would say red.", "no JSON object"),
    ],
)
async def test_a_wrong_answer_is_corrected_once_and_told_what_is_wrong(
    model_server: ModelServer, asking: Asking, wrong: str, complaint: str
) -> None:
    model_server.structured = [Structured(wrong), Structured(GOOD)]
    assert (await asking()).values["colour"] == "red"
    assert len(model_server.requests) == 2
    assert complaint in model_server.requests[1]["messages"][-1]["content"]


@on_asyncio
async def test_a_second_wrong_answer_is_an_error_without_the_models_words(
    model_server: ModelServer, asking: Asking
) -> None:
    model_server.structured = [Structured('{"colour": "visit evil.example"}') for _ in range(3)]
    with pytest.raises(BadAnswer) as caught:
        await asking()
    assert "colour" in caught.value.message
    assert "evil" not in caught.value.message
    assert len(model_server.requests) == 2


@on_asyncio
async def test_keys_that_nobody_asked_for_are_dropped(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured('{"colour": "", "path": "/etc", "inner": {"n": 2, "m": 3}}')]
    assert (await asking()).values == {"colour": "", "inner": {"n": 2}}


@on_asyncio
@pytest.mark.parametrize("headers", [{"retry-after": "0"}, {"retry-after-ms": "40"}])
async def test_a_busy_server_is_asked_twice(model_server: ModelServer, asking: Asking, headers: dict[str, str]) -> None:
    model_server.structured = [Structured(status=429, headers=headers), Structured(GOOD)]
    assert (await asking()).values["colour"] == "red"
    model_server.structured = [Structured(status=429, headers=headers) for _ in range(5)]
    with pytest.raises(UpstreamRateLimited) as caught:
        await asking()
    assert caught.value.retry_after == headers.get("retry-after")
    assert len(model_server.requests) == 4


@on_asyncio
async def test_a_server_that_is_away_or_asleep_is_said_in_words(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured(hangs=True)]
    with pytest.raises(UpstreamTimeout, match="did not answer in time"):
        await asking()
    with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
        await asking(port="http://127.0.0.1:9")


@on_asyncio
async def test_a_cancelled_question_leaves_no_call_behind(model_server: ModelServer, asking: Asking) -> None:
    model_server.structured = [Structured(hangs=True)]
    task = asyncio.create_task(asking())
    await asyncio.to_thread(model_server.hanging.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(model_server.cancelled.wait, 10)


def test_the_schema_of_the_wire_is_what_strict_servers_take() -> None:
    schema: Any = LADDER[0].params(SCHEMA, 5)["response_format"]
    assert "maxLength" not in json.dumps(schema)
    assert schema["json_schema"]["schema"]["required"] == ["colour", "words", "inner"]
    assert SCHEMA["required"] == ["colour"]
