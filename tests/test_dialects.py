"""What servers send and want, read by the endpoint itself; `tests/test_habits.py` does it through the proxy."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentroster.errors import RosterError, UpstreamRateLimited, UpstreamRejected
from agentroster.llm.completion import CompletionRequest, ToolCall, Usage
from agentroster.llm.dialects.catalogue import CATALOGUE
from agentroster.llm.dialects.habits import HabitMemory
from agentroster.llm.dialects.spoken import SpokenCalls
from agentroster.llm.dialects.thinking import ThinkingSplitter
from agentroster.llm.endpoint import Endpoint
from tools import model_servers_page

TEAL, RED = '{"colour": "teal"}', '{"colour": "red"}'
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "palette",
            "parameters": {
                "type": "object",
                "properties": {"colour": {"type": "string"}, "count": {"type": "integer"}},
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "save_favourite",
            "parameters": {"type": "object", "properties": {"colour": {"type": "string"}}},
        },
    },
]
STREAM = {"content-type": "text/event-stream"}


class Chunks(httpx.AsyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        pass


@dataclass
class Server(httpx.AsyncBaseTransport):
    """Gives its answers in order: status, headers, chunks."""

    answers: list[tuple[int, dict[str, str], list[bytes]]]
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        status, headers, chunks = self.answers.pop(0)
        return httpx.Response(status, headers=headers, stream=Chunks(chunks))


@dataclass
class Seen:
    text: str = ""
    thinking: str = ""
    finish: str | None = None
    usage: Usage | None = None
    calls: tuple[ToolCall, ...] = ()
    message: Any = None
    error: RosterError | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def made(self) -> list[tuple[str, dict[str, Any], bool]]:
        return [(call.name, dict(call.arguments), bool(call.error)) for call in self.calls]


def ask(
    *answers: tuple[int, dict[str, str], list[bytes]],
    model: str = "some-model",
    stream: bool = True,
    messages: list[dict[str, Any]] | None = None,
    memory: HabitMemory | None = None,
    **params: Any,
) -> Seen:
    server, seen = Server(list(answers)), Seen()
    seen.bodies = server.bodies
    endpoint = Endpoint(server, base_url="http://model/v1", api_key="key", timeout_seconds=5, memory=memory)
    request = CompletionRequest(
        model=model,
        messages=messages or [{"role": "user", "content": "Hello"}],
        tools=TOOLS,
        params=params,
        stream=stream,
    )

    async def run() -> None:
        async for piece in endpoint.complete(request):
            seen.text += piece.text
            seen.thinking += piece.thinking
            seen.finish = piece.finish or seen.finish
            seen.usage = piece.usage or seen.usage
            if piece.turn:
                seen.calls, seen.message = piece.turn.calls, piece.turn.message

    try:
        asyncio.run(run())
    except RosterError as error:
        seen.error = error
    return seen


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def events(*values: Any) -> tuple[int, dict[str, str], list[bytes]]:
    lines = [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]
    return 200, STREAM, [*lines, b"data: [DONE]\n\n"]


def words(text: str, size: int = 3, finish: str = "stop") -> tuple[int, dict[str, str], list[bytes]]:
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    return events(*(delta(content=piece) for piece in pieces), delta(finish))


def whole(**message: Any) -> tuple[int, dict[str, str], list[bytes]]:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    return 200, {"content-type": "application/json"}, [json.dumps(body).encode()]


def refusal(status: int, body: object) -> tuple[int, dict[str, str], list[bytes]]:
    return status, {}, [body.encode() if isinstance(body, str) else json.dumps(body).encode()]


def call(
    index: int | None = None, call_id: str | None = None, name: str | None = None, arguments: Any = None, **more: Any
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    given = {
        "index": index,
        "id": call_id,
        "function": {key: value for key, value in function.items() if value is not None},
    }
    return {**{key: value for key, value in given.items() if value is not None}, **more}


def calls(*chunks: list[dict[str, Any]], finish: str = "tool_calls") -> Seen:
    return ask(events(*(delta(tool_calls=chunk) for chunk in chunks), delta(finish)))


ONE, TWO = (
    [("palette", {"colour": "teal"}, False)],
    [("palette", {"colour": "teal"}, False), ("palette", {"colour": "red"}, False)],
)


@pytest.mark.parametrize(
    ("chunks", "made"),
    [
        ([[call(0, "a", "palette", "")], [call(0, arguments='{"colour"')], [call(0, arguments=': "teal"}')]], ONE),
        ([[call(0, "a", "palette", TEAL)], [call(0, "b", "palette", RED)]], TWO),
        ([[call(0, "a", "palette", TEAL), call(0, "b", "palette", RED)]], TWO),
        ([[call(None, None, "palette", TEAL), call(None, None, "palette", RED)]], TWO),
        ([[call(None, "a", "palette", "")], [call(None, arguments=TEAL)], [call(None, "b", "palette", "")], [call(None, arguments=RED)]], TWO),
        ([[call(0, "", "palette", TEAL)], [call(0, "", "palette", RED)]], TWO),
        ([[call(0, "a", "palette", '{"colour"')], [call(0, "a", "palette", ': "teal"}')]], ONE),
        ([[call(0, "a", "palette", '{"colour"')], [call(0, "a", "palette", '{"colour": "te')], [call(0, "a", "palette", TEAL)]], ONE),
        ([[call(0, "a", "palette", '{"colour"')], [call(0, arguments=': "teal"}')], [call(0, "a", "palette", TEAL)]], ONE),
        ([[call(0, "a", "palette", TEAL)], [call(0, "", "palette", "")]], ONE),
        ([[call(0, "a", "palette", TEAL), call(1, "a", "palette", RED)]], TWO),
        ([[call(0, "a", "palette", ""), call(1, "b", "palette", "")], [call(1, arguments=RED)], [call(0, arguments=TEAL)]], TWO),
        ([[call(0, "a", "pal")], [call(0, name="ette")], [call(0, arguments=TEAL)]], ONE),
        ([[call(0, None, "palette", ""), call(0, None, "save_favourite", "")]], [("palette", {}, False), ("save_favourite", {}, False)]),
        ([[call(0, "a", "functions.palette", TEAL)]], ONE),
        ([[call(0, "a", "palette<|channel|>commentary", TEAL)]], ONE),
        ([[call(0, "a", "palette", {"colour": "teal"})]], ONE),
    ],
)  # fmt: skip
def test_fragments_become_the_calls_that_were_meant(chunks: list[list[dict[str, Any]]], made: object) -> None:
    seen = calls(*chunks)
    assert seen.made == made
    ids = [one["id"] for one in seen.message["tool_calls"]]
    assert len(set(ids)) == len(ids)
    assert all(ids)


@pytest.mark.parametrize(
    "written",
    [TEAL, json.dumps(TEAL), f"```json\n{TEAL}\n```", "{'colour': 'teal'}", TEAL * 2, f"{TEAL}\n{TEAL}", f"{TEAL}<|call|>", f" {TEAL}\n"],
)  # fmt: skip
def test_arguments_are_read_however_they_are_written(written: str) -> None:
    assert calls([call(0, "a", "palette", written)]).made == ONE


@pytest.mark.parametrize("written", ['{"colour": "te', '{"colour": teal}', TEAL + RED, "hello", "5", '{"colour": NaN}'])
def test_broken_arguments_do_not_run_and_what_goes_back_is_valid(written: str) -> None:
    seen = calls([call(0, "a", "palette", written)])
    assert seen.made == [("palette", {}, True)]
    assert json.loads(seen.message["tool_calls"][0]["function"]["arguments"]) == {}


def test_a_call_that_is_cut_at_the_limit_says_so() -> None:
    assert "token limit" in calls([call(0, "a", "palette", '{"colour": "te')], finish="length").calls[0].error


def test_words_stay_words_in_arguments() -> None:
    written = json.dumps({"colour": "true", "note": "none"})
    assert calls([call(0, "a", "palette", written)]).made == [("palette", {"colour": "true", "note": "none"}, False)]


def test_a_turn_goes_back_with_every_field_it_came_with() -> None:
    signature = {"google": {"thought_signature": "sig=="}}
    seen = ask(
        events(
            delta(reasoning_content="Let me ", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "a"}]),
            delta(reasoning_content="think.", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "b"}]),
            delta(tool_calls=[call(0, "a", "palette", TEAL, extra_content=signature)]),
            delta("tool_calls"),
        )
    )
    assert seen.message["reasoning_content"] == "Let me think."
    assert seen.message["reasoning_details"] == [{"type": "reasoning.text", "index": 0, "text": "ab"}]
    assert seen.message["tool_calls"][0]["extra_content"] == signature
    assert seen.thinking == "Let me think."


SPOKEN = [
    f'<tool_call>\n{{"name": "palette", "arguments": {TEAL}}}\n</tool_call>',
    "<tool_call>\n<function=palette>\n<parameter=colour>\nteal\n</parameter>\n</function>\n</tool_call>",
    "<tool_call>palette\n<arg_key>colour</arg_key>\n<arg_value>teal</arg_value>\n</tool_call>",
    f'[TOOL_CALLS] [{{"name": "palette", "arguments": {TEAL}}}]',
    f"[TOOL_CALLS]palette[ARGS]{TEAL}",
    f'<|python_tag|>{{"name": "palette", "parameters": {TEAL}}}',
    f'{{"name": "palette", "parameters": {TEAL}}}',
    '[palette(colour="teal")]',
    '<|python_start|>[palette(colour="teal")]<|python_end|>',
    '<|tool_call_start|>[palette(colour="teal")]<|tool_call_end|>',
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.palette:0<|tool_call_argument_begin|>"
    f"{TEAL}<|tool_call_end|><|tool_calls_section_end|>",
    "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>palette\n"
    f"```json\n{TEAL}\n```<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>",
    "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>palette<\uff5ctool\u2581sep\uff5c>"
    f"{TEAL}<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>",
    '<minimax:tool_call>\n<invoke name="palette">\n<parameter name="colour">teal</parameter>\n</invoke>\n</minimax:tool_call>',
    f'<|tool_call|>[{{"name": "palette", "arguments": {TEAL}}}]',
    '```tool_code\nprint(palette(colour="teal"))\n```',
    f'```json\n{{"name": "palette", "parameters": {TEAL}}}\n```',
    f"<|channel|>commentary to=functions.palette <|constrain|>json<|message|>{TEAL}<|call|>",
    f'functools[{{"name": "palette", "arguments": {TEAL}}}]',
    f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "palette", "parameters": {TEAL}}}]<|END_ACTION|>',
    f"<function=palette>{TEAL}</function>",
    f">>>palette\n{TEAL}",
    f'<|action_start|><|plugin|>\n{{"name": "palette", "parameters": {TEAL}}}<|action_end|>',
    "<start_function_call>call:palette{colour:<escape>teal<escape>}<end_function_call>",
    f'<TOOLCALL>[{{"name": "palette", "arguments": {TEAL}}}]</TOOLCALL>',
    f'<|tools_prefix|>[{{"palette": {TEAL}}}]<|tools_suffix|>',
    '<function_calls>\npalette(colour="teal")\n</function_calls>',
]


@pytest.mark.parametrize("size", [1, 4, 10_000])
@pytest.mark.parametrize("text", SPOKEN)
def test_a_call_in_words_runs_and_is_not_shown(text: str, size: int) -> None:
    seen = ask(words(text, size))
    assert seen.made == ONE
    assert seen.text.strip() == ""
    assert seen.finish == "tool_calls"


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
        'Write\n```\n<tool_call>{"name": "palette", "arguments": {}}</tool_call>\n```\nto call it.',
        'Write `<tool_call>{"name": "palette", "arguments": {}}</tool_call>` to call it.',
        f'For example: {{"name": "palette", "parameters": {TEAL}}} is a call.',
        '{"name": "Bob", "age": 3}', "[link](http://x/) and [1]", '{"a": [1, 2]}', "[palette](x)", "a < b and [x] `y` ``z",
        "Call palette(colour='teal') in Python.", "```python\nprint(palette(colour='teal'))\n```",
    ],
)  # fmt: skip
def test_what_is_no_call_stays_the_text_that_it_is(text: str, size: int) -> None:
    seen = ask(words(text, size))
    assert seen.made == []
    assert seen.text == text


def test_half_a_call_in_words_does_not_run_and_the_model_hears_of_it() -> None:
    seen = ask(words('<tool_call>\n{"name": "palette", "arguments": {"colour": "te', finish="length"))
    assert seen.made == [("palette", {}, True)]
    assert "token limit" in seen.calls[0].error
    assert seen.text == ""


@given(st.text(alphabet="ab \n`<>[]{}|/\"':=_-~", max_size=60), st.integers(1, 7))
@example("x <tool_call", 1)
@example("``` `<think>", 2)
@settings(deadline=None, max_examples=300)
def test_text_without_tags_passes_letter_by_letter_however_it_is_split(text: str, size: int) -> None:
    schemas: dict[str, Any] = {"palette": {}}
    spoken = SpokenCalls(schemas)
    said = [part for place in range(0, len(text), size) for part in spoken.feed(text[place : place + size])]
    assert "".join(map(str, [*said, *spoken.close()])) == text
    splitter = ThinkingSplitter()
    parts = [part for place in range(0, len(text), size) for part in splitter.feed(text[place : place + size])]
    assert "".join(part.text for part in [*parts, *splitter.close()]) == text


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize(
    ("text", "thinking", "answer", "model"),
    [
        ("<think>\nI see</think>\n\nHello", "I see", "Hello", "m"),
        ("<think>a</think>\nMiddle\n<think>b</think>\nEnd", "ab", "Middle\nEnd", "m"),
        ("<think>on and on", "on and on", "", "m"),
        ("<THINKING>hm</THINKING>Hello", "hm", "Hello", "m"),
        ("hm</think>\nHello", "hm", "Hello", "deepseek-r1"),
        ("Hello", "", "Hello", "deepseek-r1"),
        ("[THINK]hm[/THINK]Hello", "hm", "Hello", "magistral"),
        ("Use `<think>` tags:\n```\n<think>x</think>\n```", "", "Use `<think>` tags:\n```\n<think>x</think>\n```", "m"),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello<|return|>", "hm", "Hello", "m"),
    ],
)  # fmt: skip
def test_thinking_is_told_from_the_answer(text: str, thinking: str, answer: str, model: str, size: int) -> None:
    seen = ask(words(text, size), model=model)
    assert (seen.thinking, seen.text) == (thinking, answer)


def test_a_model_that_begins_in_thinking_is_held_back_only_once() -> None:
    memory = HabitMemory()
    ask(words("hm</think>\nHello"), model="deepseek-r1", memory=memory)
    assert memory.get("http://model/v1", "deepseek-r1").unopened is True


HELLO, END = json.dumps(delta(content="Hi")), json.dumps(delta("stop"))
WHOLE = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    "raw",
    [
        f"data: {HELLO}\r\n\r\ndata: {END}\r\n\r\ndata: [DONE]\r\n\r\n",
        f"data: {HELLO}\r\rdata: {END}\r\r",
        f"\ufeffdata: {HELLO}\n\ndata: {END}\n\n",
        f"data:{HELLO}\n\ndata:{END}",
        f"data: {HELLO}\ndata: {END}\n",
        f"{HELLO}\n{END}\n",
        f"{HELLO}{END}",
        f"[{HELLO},\n{END}]",
        json.dumps(WHOLE),
        json.dumps(WHOLE, indent=2),
        "data: " + json.dumps(WHOLE, indent=1).replace("\n", "\ndata: ") + "\n\n",
        f": hi\n\nid: 3\nevent: message\nretry: 5\ndata: {HELLO}\n\ndata:\n\ndata: null\n\ndata: {END}\n\n",
        json.dumps({"choices": [{"text": "Hi", "finish_reason": "stop"}]}),
        f'data: {{"choices": null}}\n\ndata: {{"choices": []}}\n\ndata: {{"choices": [{{"delta": null}}]}}\n\ndata: {HELLO}\n\ndata: {END}\n\n',
    ],
)  # fmt: skip
def test_an_answer_is_read_however_it_is_framed(raw: str, size: int) -> None:
    data = raw.encode()
    chunks = [data[place : place + size] for place in range(0, len(data), size)]
    seen = ask((200, {"content-type": "text/html"}, chunks))
    assert seen.error is None
    assert seen.text == "Hi"


@pytest.mark.parametrize(
    "raw", ["<!DOCTYPE html><title>Login</title>", "", "hello", "{}", '{"choices": [{"message": {"content": "H']
)
def test_what_cannot_be_read_is_named_in_the_log(raw: str, caplog: pytest.LogCaptureFixture) -> None:
    seen = ask((200, {"content-type": "text/html; charset=utf-8"}, [raw.encode()]))
    assert seen.error is not None
    assert seen.error.status == 502
    assert "LLM_API_KEY" not in seen.error.message
    assert "text/html" in caplog.text
    assert raw[:10] in caplog.text


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        ({"error": "gone"}, 502, "gone"),
        ({"object": "error", "message": "gone", "code": 500}, 500, "gone"),
        (delta("error"), 502, "error"),
        (delta("insufficient_system_resource"), 503, "insufficient"),
        ({**delta("error", content=""), "error": {"code": 502, "message": "gone"}}, 502, "gone"),
        ([{"error": {"code": 429, "message": "gone", "status": "RESOURCE_EXHAUSTED"}}], 429, "gone"),
        ({"detail": [{"loc": ["body", "x"], "msg": "gone"}]}, 502, "x: gone"),
        ({"errors": [{"message": "gone"}]}, 502, "gone"),
        ({"base_resp": {"status_code": 1002, "status_msg": "gone"}}, 429, "gone"),
        ({"message": {"detail": "gone"}, "code": 500}, 500, "gone"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "gone"}}, 503, "gone"),
        ({"choices": [{"delta": {}, "error": {"message": "gone", "code": 503}}]}, 503, "gone"),
    ],
)
def test_an_error_in_a_stream_is_an_error_and_keeps_the_text_before_it(value: Any, status: int, reason: str) -> None:
    seen = ask(events(delta(content="Some text "), value))
    assert seen.text == "Some text "
    assert seen.error is not None
    assert seen.error.status == status
    assert reason in seen.error.message
    assert isinstance(seen.error, UpstreamRateLimited) == (status == 429)


def test_half_an_answer_is_an_error() -> None:
    seen = ask((200, STREAM, [f"data: {HELLO}\n\n".encode()]))
    assert (seen.text, seen.error and seen.error.status) == ("Hi", 503)


def test_the_last_token_counts_are_the_counts() -> None:
    early = {**delta(content="a"), "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    late = {**delta("stop"), "usage": {"prompt_tokens": 5.0, "completion_tokens": 2, "prompt_tokens_details": None}}
    assert ask(events(early, late, {"choices": [], "usage": None})).usage == Usage(prompt_tokens=5, completion_tokens=2)


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (["Hel", "Hello", "Hello world"], "Hello world"),
        (["H", "Hello", "Hello world"], "Hello world"),
        (["Ha", "Ha", "Ha"], "HaHaHa"),
        (["I", "It"], "IIt"),
        (["Hello ", "world", "Hello world"], "Hello world"),
        (["- ", "- - ", "x"], "- - - x"),
    ],
)
def test_text_that_comes_more_than_once_is_shown_once(chunks: list[str], text: str) -> None:
    assert ask(events(*(delta(content=chunk) for chunk in chunks), delta("stop"))).text == text


def test_halves_of_characters_are_joined_or_replaced() -> None:
    values = [r'{"content": "a\ud83d"}', r'{"content": "\ude00b"}', r'{"content": "\ud83d"}']
    lines = [f'data: {{"choices": [{{"delta": {value}}}]}}\n\n' for value in values]
    assert ask((200, STREAM, [*(line.encode() for line in lines), b"data: [DONE]\n\n"])).text == "a\U0001f600b\ufffd"


OK = words("fine")


@pytest.mark.parametrize(
    ("status", "body", "params", "field"),
    [
        (400, {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}, {"max_tokens": 5}, "max_tokens"),
        (400, {"error": "maxTokens is not a valid field"}, {"max_tokens": 5}, "max_tokens"),
        (400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.2. Only the default (1) value is supported."}}, {"temperature": 0.2}, "temperature"),
        (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_p"], "msg": "Extra inputs are not permitted"}]}, {"top_p": 0.5}, "top_p"),
        (400, "unknown field presence_penalty", {"presence_penalty": 0.5}, "presence_penalty"),
        (422, {"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields not permitted"}]}, {}, "stream_options"),
    ],
)  # fmt: skip
def test_a_refused_parameter_is_left_out_once_and_remembered(
    status: int, body: object, params: dict[str, Any], field: str
) -> None:
    memory = HabitMemory()
    seen = ask(refusal(status, body), OK, memory=memory, **params)
    assert seen.text == "fine"
    assert [field in sent for sent in seen.bodies] == [True, False]
    again = ask(OK, memory=memory, **params)
    assert field not in again.bodies[0]


def test_a_value_that_is_out_of_range_stays_refused() -> None:
    seen = ask(refusal(400, {"error": {"message": "temperature must be between 0 and 1"}}), temperature=1.5)
    assert isinstance(seen.error, UpstreamRejected)
    assert "between 0 and 1" in seen.error.message
    assert len(seen.bodies) == 1


def test_new_models_of_openai_are_asked_with_the_new_name_at_once() -> None:
    for model in ("gpt-5-mini", "openai/gpt-5.2", "o3", "o4-mini"):
        body = ask(OK, model=model, max_tokens=5).bodies[0]
        assert (body.get("max_completion_tokens"), "max_tokens" in body) == (5, False)
    assert ask(OK, model="gpt-4o", max_tokens=5).bodies[0]["max_tokens"] == 5


def test_a_server_that_only_streams_or_never_does_is_asked_its_way() -> None:
    only = refusal(
        400, {"error": {"message": "This model only support stream mode, please enable the stream parameter."}}
    )
    assert ask(only, OK, stream=False).bodies[1]["stream"] is True
    never = refusal(400, '{"error": "Streaming is not supported for this model"}')
    seen = ask(never, whole(content="fine"))
    assert (seen.text, "stream" in seen.bodies[1]) == ("fine", False)


HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "a"},
    {"role": "user", "content": "b"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "", "type": "function", "function": {"name": "palette", "arguments": {"colour": "teal"}}},
            {"id": "", "type": "function", "function": {"name": "palette", "arguments": '{"colour": "te'}},
        ],
    },
    {"role": "tool", "tool_call_id": "", "content": "x"},
    {"role": "tool", "tool_call_id": "", "content": "y"},
    {"role": "user", "content": "c"},
]


def test_what_goes_to_a_server_is_a_valid_conversation() -> None:
    sent = ask(OK, messages=HISTORY).bodies[0]["messages"]
    ids = [one["id"] for one in sent[3]["tool_calls"]]
    assert all(ids)
    assert len(set(ids)) == 2
    assert [message["tool_call_id"] for message in sent[4:6]] == ids
    assert [json.loads(one["function"]["arguments"]) for one in sent[3]["tool_calls"]] == [{"colour": "teal"}, {}]


@pytest.mark.parametrize(
    ("status", "said", "roles"),
    [
        (400, "This model only supports single tool-calls at once!", ["system", "user", "user", "assistant", "tool", "assistant", "tool", "user"]),
        (500, "Conversation roles must alternate user/assistant/user/assistant/...", ["system", "user", "assistant", "tool", "tool", "user"]),
        (400, "System role not supported", ["user", "assistant", "tool", "tool", "user"]),
        (400, "Unexpected role 'user' after role 'tool'", ["system", "user", "user", "assistant", "tool", "tool", "assistant", "user"]),
    ],
)  # fmt: skip
def test_a_conversation_is_put_in_the_order_that_a_template_takes(status: int, said: str, roles: list[str]) -> None:
    seen = ask(refusal(status, {"error": {"message": said}}), OK, messages=HISTORY)
    assert [message["role"] for message in seen.bodies[1]["messages"]] == roles
    assert "Be kind." in json.dumps(seen.bodies[1])


def test_mistral_gets_ids_of_nine_letters_and_digits() -> None:
    sent = ask(OK, model="mistral-large-latest", messages=HISTORY).bodies[0]["messages"]
    ids = [one["id"] for one in sent[3]["tool_calls"]]
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert [message["tool_call_id"] for message in sent[4:6]] == ids


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([b"data: " + b"x" * 1_000_000 for _ in range(5)], STREAM),
        ([b'{"a": "' + b"x" * 1_000_000] * 25, {}),
        ([b"data: " + json.dumps(delta(content="x" * 1_000_000)).encode() + b"\n\n"] * 25, STREAM),
        ([b": " + b"x" * 1_000_000 + b"\n"] * 250, STREAM),
    ],
)
def test_an_answer_is_bounded(chunks: list[bytes], headers: dict[str, str]) -> None:
    seen = ask((200, headers, chunks))
    assert seen.error is not None
    assert "too much" in seen.error.message or "cannot be read" in seen.error.message


def test_compression_that_nobody_asked_for_is_read_within_the_bounds() -> None:
    import gzip  # noqa: PLC0415

    small = gzip.compress(json.dumps(WHOLE).encode())
    assert ask((200, {"content-encoding": "gzip"}, [small])).text == "Hi"
    bomb = gzip.compress(b"[" + b" " * 200_000_000)
    seen = ask((200, {"content-encoding": "gzip"}, [bomb]))
    assert seen.error is not None
    assert "too much" in seen.error.message
    seen = ask((200, {"content-encoding": "br"}, [b"xx"]))
    assert seen.error is not None


def test_many_fragments_of_arguments_are_no_work() -> None:
    fragments = [
        [call(0, "a", "palette", '{"colour": "')],
        *([call(0, arguments="x")] for _ in range(80_000)),
        [call(0, arguments='"}')],
    ]
    assert calls(*fragments).made == [("palette", {"colour": "x" * 80_000}, False)]


def test_the_page_on_model_servers_is_made_from_the_tables() -> None:
    assert model_servers_page.PAGE.read_text(encoding="utf-8") == model_servers_page.page()
    rules = [rule for group in CATALOGUE.values() for rule in group]
    assert all(rule.seen and rule.done and rule.source for rule in rules)
