"""What clients send: a request that cannot be meant is 400 with the path of its field, what many send is repaired."""

import json
from typing import Any

import pytest

from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/demo-agent"
U: dict[str, Any] = {"role": "user", "content": "script: say hi"}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "r"}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def call(call_id: str = "c1", **function: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}", **function}}


def called(*calls: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **extra}


def post(proxy: RosterProcess, path: str, body: dict[str, Any]) -> Any:
    with proxy.http() as client:
        return client.post(f"/v1/{path}", json={"model": AGENT, **body})


CHAT: list[tuple[Any, str, str]] = [
    (None, "messages", "missing_required_parameter"),
    ("hi", "messages", "invalid_type"),
    ({}, "messages", "invalid_type"),
    ([], "messages", "invalid_value"),
    (["hi"], "messages[0]", "invalid_type"),
    ([None], "messages[0]", "invalid_type"),
    ([{"content": "x"}], "messages[0].role", "missing_required_parameter"),
    ([{"role": 5, "content": "x"}], "messages[0].role", "invalid_type"),
    ([{"role": "robot", "content": "x"}], "messages[0].role", "invalid_value"),
    ([{"role": "User", "content": "x"}], "messages[0].role", "invalid_value"),
    ([{"role": "system", "content": "x"}], "messages", "invalid_value"),
    ([{"role": "user"}], "messages[0].content", "missing_required_parameter"),
    ([{"role": "user", "content": None}], "messages[0].content", "missing_required_parameter"),
    ([{"role": "user", "content": 5}], "messages[0].content", "invalid_type"),
    ([{"role": "user", "content": {"type": "text"}}], "messages[0].content", "invalid_type"),
    ([{"role": "user", "content": []}], "messages[0].content", "invalid_value"),
    ([{"role": "user", "content": ["hi"]}], "messages[0].content[0]", "invalid_type"),
    ([U, {"role": "user", "content": [{"text": "x"}]}], "messages[1].content[0].type", "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "hologram"}]}], "messages[0].content[0].type", "invalid_value"),
    ([{"role": "user", "content": [{"type": ["text"]}]}], "messages[0].content[0].type", "invalid_type"),
    ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text", "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "text", "text": 1}]}], "messages[0].content[0].text", "invalid_type"),
    ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0].image_url",
     "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content[0].image_url.url",
     "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 1}}]}],
     "messages[0].content[0].image_url.url", "invalid_type"),
    ([{"role": "user", "content": [{"type": "input_audio"}]}], "messages[0].content[0].input_audio", "invalid_type"),
    ([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, U],
     "messages[0].content[0].type", "invalid_value"),
    ([{**U, "name": 5}], "messages[0].name", "invalid_type"),
    ([U, RESULT], "messages[1].tool_call_id", "invalid_value"),
    ([U, {"role": "tool", "content": "x"}], "messages[1]", "invalid_value"),
    ([U, {"role": "function", "name": "f", "content": "x"}], "messages[1]", "invalid_value"),
    ([U, called(call()), {**RESULT, "tool_call_id": "other"}], "messages[2].tool_call_id", "invalid_value"),
    ([U, called(call()), {**RESULT, "tool_call_id": 5}], "messages[2].tool_call_id", "invalid_type"),
    ([U, called(call()), {"role": "tool", "tool_call_id": "c1"}], "messages[2].content", "missing_required_parameter"),
    ([U, called(call())], "messages[1].tool_calls[0].id", "invalid_value"),
    ([U, called(call()), U], "messages[1].tool_calls[0].id", "invalid_value"),
    ([U, called(call(), call("c2")), RESULT, U], "messages[1].tool_calls[1].id", "invalid_value"),
    ([U, called(call()), RESULT, RESULT], "messages[3].tool_call_id", "invalid_value"),
    ([U, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, U], "messages[1].function_call",
     "invalid_value"),
    ([U, {"role": "assistant", "function_call": "f"}], "messages[1].function_call", "invalid_type"),
    ([U, {"role": "assistant", "tool_calls": "f"}], "messages[1].tool_calls", "invalid_type"),
    ([U, {"role": "assistant", "tool_calls": ["f"]}], "messages[1].tool_calls[0]", "invalid_type"),
    ([U, called({"id": "c1", "type": "function"})], "messages[1].tool_calls[0].function", "missing_required_parameter"),
    ([U, called({"id": "c1", "type": "magic", "magic": {}})], "messages[1].tool_calls[0].type", "invalid_value"),
    ([U, called({"id": "c1", "type": ["function"]})], "messages[1].tool_calls[0].type", "invalid_value"),
    ([{"role": ["user"], "content": "/token github x"}], "messages[0].role", "invalid_type"),
    ([U, called(call(name=None))], "messages[1].tool_calls[0].function.name", "missing_required_parameter"),
    ([U, called(call(name=""))], "messages[1].tool_calls[0].function.name", "invalid_value"),
    ([U, called(call(arguments=[1]))], "messages[1].tool_calls[0].function.arguments", "invalid_type"),
    ([U, {"role": "assistant", "content": 5}], "messages[1].content", "invalid_type"),
    ([U, {"role": "assistant", "refusal": 5}], "messages[1].refusal", "invalid_type"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "param", "code"), CHAT)
def test_messages_of_a_chat_are_refused_by_the_path_of_their_field(
    proxy: RosterProcess, model_server: ModelServer, messages: Any, param: str, code: str
) -> None:
    since = len(proxy.log)
    response = post(proxy, "chat/completions", {"messages": messages})
    check_refusal(response, param, code)
    assert not model_server.requests
    assert proxy.log[since:] == ""


def check_refusal(response: Any, param: str, code: str) -> None:
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert error["message"].startswith(f"`{param}` ")
    assert error["message"].endswith(".")


ITEM = {"role": "user", "content": "script: say hi"}
FUNCTION = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "r"}
INPUT: list[tuple[Any, str, str]] = [
    (None, "input", "missing_required_parameter"),
    ("", "input", "invalid_value"),
    (5, "input", "invalid_type"),
    ({}, "input", "invalid_type"),
    ([], "input", "invalid_value"),
    (["x"], "input[0]", "invalid_type"),
    ([[ITEM]], "input[0]", "invalid_type"),
    ([{}], "input[0].type", "missing_required_parameter"),
    ([{"type": "message"}], "input[0].role", "missing_required_parameter"),
    ([{"type": "hologram"}], "input[0].type", "invalid_value"),
    ([{"type": 5}], "input[0].type", "invalid_type"),
    ([{"role": "robot", "content": "x"}], "input[0].role", "invalid_value"),
    ([{"role": "tool", "content": "x"}], "input[0].role", "invalid_value"),
    ([{"role": "user"}], "input[0].content", "missing_required_parameter"),
    ([{"role": "user", "content": 5}], "input[0].content", "invalid_type"),
    ([{"role": "user", "content": {"text": "x"}}], "input[0].content", "invalid_type"),
    ([{"role": "user", "content": []}], "input[0].content", "invalid_value"),
    ([{"role": "user", "content": [5]}], "input[0].content[0]", "invalid_type"),
    ([{"role": "user", "content": [{}]}], "input[0].content[0].type", "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text", "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0].image_url",
     "missing_required_parameter"),
    ([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}], "input[0].content[0].file_id",
     "invalid_value"),
    ([{"role": "user", "content": [{"type": "input_file"}]}], "input[0].content[0].file_data",
     "missing_required_parameter"),
    ([{"role": "system", "content": "x"}], "input", "invalid_value"),
    ([{"type": "item_reference", "id": "x"}, ITEM], "input[0].type", "unsupported_value"),
    ([{"type": "function_call_output"}, ITEM], "input[0].call_id", "missing_required_parameter"),
    ([OUTPUT, ITEM], "input[0].call_id", "invalid_value"),
    ([FUNCTION, ITEM], "input[0].call_id", "invalid_value"),
    ([ITEM, FUNCTION], "input[1].call_id", "invalid_value"),
    ([ITEM, {**FUNCTION, "name": None}], "input[1].name", "missing_required_parameter"),
    ([ITEM, {**FUNCTION, "arguments": 5}], "input[1].arguments", "invalid_type"),
    ([ITEM, FUNCTION, {**OUTPUT, "output": None}], "input[2].output", "missing_required_parameter"),
    ([ITEM, FUNCTION, {**OUTPUT, "output": [{"type": "input_image"}]}], "input[2].output[0].type", "invalid_value"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "param", "code"), INPUT)
def test_input_of_responses_is_refused_by_the_path_of_its_field(
    proxy: RosterProcess, model_server: ModelServer, value: Any, param: str, code: str
) -> None:
    since = len(proxy.log)
    check_refusal(post(proxy, "responses", {"input": value}), param, code)
    assert not model_server.requests
    assert proxy.log[since:] == ""


USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
ANTHROPIC: list[tuple[Any, str]] = [
    (None, "messages"),
    ([], "messages"),
    (["x"], "messages[0]"),
    ([{"role": "robot", "content": "x"}], "messages[0].role"),
    ([{"role": "user"}], "messages[0].content"),
    ([{"role": "user", "content": 5}], "messages[0].content"),
    ([{"role": "user", "content": []}], "messages[0].content"),
    ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": "odd"}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
    ([{"role": "user", "content": [{"type": "image"}]}], "messages[0].content[0].source"),
    ([{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}],
     "messages[0].content[0].source.data"),
    ([U, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "y"}]}],
     "messages[1].content[0].tool_use_id"),
    ([U, {"role": "user", "content": [{"type": "tool_use", "id": "x", "name": "f", "input": {}}]}],
     "messages[1].content[0].type"),
    ([U, USE, U], "messages[1].content[0].id"),
    ([U, USE], "messages[1].content[0].id"),
    ([U, {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": "x"}]}],
     "messages[1].content[0].input"),
    ([{"role": "assistant", "content": "x"}], "messages"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "path"), ANTHROPIC)
@pytest.mark.parametrize("door", ["messages", "messages/count_tokens"])
def test_messages_of_anthropics_interface_are_refused_by_their_path_in_its_form(
    proxy: RosterProcess, door: str, messages: Any, path: str
) -> None:
    response = post(proxy, door, {"max_tokens": 9, "messages": messages})
    assert response.status_code == 400, response.text
    body = response.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert body["error"]["message"].startswith(f"`{path}` ")


HISTORIES: list[tuple[list[dict[str, Any]], Any]] = [
    ([{"role": "assistant"}], ""),
    ([{"role": "assistant", "content": None}], ""),
    ([{"role": "assistant", "content": []}], ""),
    ([{"role": "assistant", "content": None, "refusal": "I will not."}], "I will not."),
    ([{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}], [{"type": "text", "text": "No."}]),
    ([{"role": "assistant", "content": "x", "tool_calls": None, "function_call": None}], "x"),
    ([{"role": "assistant", "content": "x", "tool_calls": []}], "x"),
]


@pytest.mark.parametrize(("history", "content"), HISTORIES)
@pytest.mark.parametrize("stream", [False, True])
def test_an_assistants_message_without_content_is_repaired(
    proxy: RosterProcess, model_server: ModelServer, history: list[dict[str, Any]], content: Any, stream: bool
) -> None:
    response = post(proxy, "chat/completions", {"messages": [U, *history, U], "stream": stream})
    assert response.status_code == 200, response.text
    sent = [message for message in model_server.requests[-1]["messages"] if message["role"] == "assistant"]
    assert [message["content"] for message in sent] in ([content], [] if not content else [content])


CALLED: list[list[dict[str, Any]]] = [
    [called(call(arguments={"a": 1})), RESULT],
    [called(call(arguments='{"a": 1}')), RESULT],
    [{"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}},
     {"role": "function", "name": "f", "content": "r"}],
    [{"role": "assistant", "function_call": {"name": "f", "arguments": {"a": 1}}},
     {"role": "function", "name": "f", "content": "r"}],
    [called(call("", arguments={"a": 1})), {**RESULT, "tool_call_id": ""}],
    [called({"function": {"name": "f", "arguments": '{"a": 1}'}}), {"role": "tool", "content": "r"}],
]  # fmt: skip


@pytest.mark.parametrize("history", CALLED)
def test_calls_in_every_form_reach_the_model_as_valid_ones(
    proxy: RosterProcess, model_server: ModelServer, history: list[dict[str, Any]]
) -> None:
    response = post(proxy, "chat/completions", {"messages": [U, *history, U]})
    assert response.status_code == 200, response.text
    sent = model_server.requests[-1]["messages"]
    made = next(message for message in sent if message["role"] == "assistant")["tool_calls"][0]
    answer = next(message for message in sent if message["role"] == "tool")
    assert json.loads(made["function"]["arguments"]) == {"a": 1}
    assert made["id"] == answer["tool_call_id"] != ""
    assert answer["content"] == "r"


def test_two_calls_may_be_answered_in_any_order(proxy: RosterProcess, model_server: ModelServer) -> None:
    history = [called(call(), call("c2")), {**RESULT, "tool_call_id": "c2"}, RESULT]
    assert post(proxy, "chat/completions", {"messages": [U, *history, U]}).status_code == 200


def test_responses_and_messages_with_tool_calls_in_their_history_are_understood(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    items = [ITEM, thought, FUNCTION, {**OUTPUT, "output": [{"type": "input_text", "text": "r"}]}, ITEM]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]}
    for response in (
        post(proxy, "responses", {"input": items}),
        post(proxy, "responses", {"input": [ITEM, {**FUNCTION, "arguments": {}}, OUTPUT, ITEM]}),
        post(proxy, "messages", {"max_tokens": 9, "messages": [U, USE, result, U]}),
    ):
        assert response.status_code == 200, response.text
        sent = model_server.requests[-1]["messages"]
        assert next(message for message in sent if message["role"] == "tool")["content"] in {"r"}


NAMED = {"type": "function", "function": {"name": "f"}}
UNOFFERED: list[tuple[str, dict[str, Any], str]] = [
    ("chat/completions", {"n": 2}, "n"),
    ("chat/completions", {"n": 0}, "n"),
    ("chat/completions", {"n": "2"}, "n"),
    ("chat/completions", {"logprobs": True}, "logprobs"),
    ("chat/completions", {"top_logprobs": 3}, "top_logprobs"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": NAMED}, "tool_choice"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": "any"}, "tool_choice"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": ["f"]}, "tool_choice"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": {"type": ["function"]}}, "tool_choice"),
    ("chat/completions", {"tools": TOOLS, "tool_choice": {"type": "allowed_tools", "allowed_tools":
     {"mode": "required", "tools": [NAMED]}}}, "tool_choice"),
    ("chat/completions", {"functions": [], "function_call": {"name": "f"}}, "function_call"),
    ("chat/completions", {"modalities": ["text", "audio"]}, "modalities"),
    ("completions", {"n": 2}, "n"),
    ("completions", {"best_of": 2}, "best_of"),
    ("completions", {"logprobs": 0}, "logprobs"),
    ("completions", {"echo": True}, "echo"),
    ("completions", {"suffix": "end"}, "suffix"),
    ("responses", {"conversation": "conv_1"}, "conversation"),
    ("responses", {"conversation": {"id": "conv_1"}}, "conversation"),
    ("responses", {"background": True}, "background"),
    ("responses", {"prompt": {"id": "pmpt_1"}}, "prompt"),
    ("responses", {"previous_response_id": "resp_1"}, "previous_response_id"),
    ("responses", {"tools": [], "tool_choice": "required"}, "tool_choice"),
    ("responses", {"tools": [], "tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
    ("responses", {"top_logprobs": 2}, "top_logprobs"),
    ("responses", {"include": ["message.output_text.logprobs"]}, "include"),
]  # fmt: skip
SAID = {
    "chat/completions": {"messages": [U]},
    "completions": {"prompt": "script: say hi"},
    "responses": {"input": "script: say hi"},
    "messages": {"max_tokens": 9, "messages": [U]},
}


@pytest.mark.parametrize(("door", "extra", "param"), UNOFFERED)
def test_what_an_agent_does_not_do_is_refused_where_silence_would_mislead(
    proxy: RosterProcess, model_server: ModelServer, door: str, extra: dict[str, Any], param: str
) -> None:
    check_refusal(post(proxy, door, {**SAID[door], **extra}), param, "unsupported_value")
    assert not model_server.requests


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "f"}])
def test_a_forced_call_is_refused_in_anthropics_form_too(proxy: RosterProcess, choice: dict[str, Any]) -> None:
    response = post(proxy, "messages", {**SAID["messages"], "tools": [], "tool_choice": choice})
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("`tool_choice` ")


HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("chat/completions", {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"], "store": True}),
    ("chat/completions", {"n": None, "logprobs": None, "tool_choice": None, "function_call": "none"}),
    ("chat/completions", {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": True}),
    ("chat/completions", {"tools": TOOLS, "tool_choice": "none"}),
    ("completions", {"n": 1, "best_of": 1, "echo": False, "logprobs": None, "suffix": ""}),
    ("responses", {"background": False, "store": False, "conversation": None, "prompt": None, "include": []}),
    ("responses", {"tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": "auto"}),
    ("responses", {"include": ["reasoning.encrypted_content"], "truncation": "auto", "top_logprobs": 0}),
    ("messages", {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "auto"}}),
]


@pytest.mark.parametrize(("door", "extra"), HARMLESS)
def test_what_asks_for_nothing_more_is_passed_over(
    proxy: RosterProcess, model_server: ModelServer, door: str, extra: dict[str, Any]
) -> None:
    assert post(proxy, door, {**SAID[door], **extra}).status_code == 200
    assert not {"n", "logprobs", "tools"} & {name for name in model_server.requests[-1] if name != "tools"}


@pytest.mark.parametrize(
    ("door", "extra", "param", "code"),
    [
        ("chat/completions", {"temperature": "hot"}, "temperature", "invalid_value"),
        ("chat/completions", {"temperature": 3}, "temperature", "invalid_value"),
        ("chat/completions", {"max_tokens": 0}, "max_tokens", "invalid_value"),
        ("chat/completions", {"stream": "yes"}, "stream", "invalid_type"),
        ("chat/completions", {"response_format": "json"}, "response_format", "invalid_type"),
        ("completions", {"prompt": []}, "prompt", "invalid_value"),
        ("responses", {"text": "json"}, "text", "invalid_type"),
        ("responses", {"model": None}, "model", "missing_required_parameter"),
        ("responses", {"model": 5}, "model", "missing_required_parameter"),
    ],
)
def test_fields_of_a_wrong_kind_are_named_in_param(
    proxy: RosterProcess, door: str, extra: dict[str, Any], param: str, code: str
) -> None:
    response = post(proxy, door, {**SAID[door], **extra})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == param
    assert response.json()["error"]["code"] == code or param == "prompt"


def test_half_characters_in_a_history_are_replaced(proxy: RosterProcess, model_server: ModelServer) -> None:
    messages = [U, called(call(arguments='{"a": "\ud83d"}'), content="a\ud800b"), RESULT, U]
    with proxy.http() as client:
        content = json.dumps({"model": AGENT, "messages": messages}).encode()
        response = client.post("/v1/chat/completions", content=content)
    assert response.status_code == 200, response.text
