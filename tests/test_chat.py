"""One chat request through the public door: streams, answers, usage, parameters."""

import json
from typing import Any

import pytest
from openai import OpenAI

from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.model_server import ModelServer

BOTH_LANES = True

AGENT = "agno/demo-agent"


def ask(client: OpenAI, text: str, model: str = AGENT, **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def test_an_answer_has_text_exact_usage_and_the_name_that_was_asked_for(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    answer = ask(proxy.openai(), "script: say one two three")
    assert answer.choices[0].message.content == "one two three"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == AGENT
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (100, 7, 107)
    assert answer.usage.prompt_tokens_details.cached_tokens == 64
    assert answer.usage.completion_tokens_details.reasoning_tokens == 3
    assert len(model_server.requests) == 1


def test_a_stream_has_one_id_the_asked_name_and_exact_usage_on_request(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    chunks = list(ask(proxy.openai(), "script: say one two three", stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {AGENT}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == [
        "stop"
    ]
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    assert [(one.prompt_tokens, one.completion_tokens) for one in usage] == [(100, 7)]


def test_a_stream_without_the_wish_for_usage_has_none(proxy: RosterProcess, model_server: ModelServer) -> None:
    assert not [chunk for chunk in ask(proxy.openai(), "script: say hi", stream=True) if chunk.usage]


def test_the_first_piece_arrives_while_the_model_still_works(proxy: RosterProcess, model_server: ModelServer) -> None:
    stream = ask(proxy.openai(), "script: gated first second third", stream=True)
    first = next(chunk for chunk in stream if chunk.choices[0].delta.content)
    assert first.choices[0].delta.content == "first "
    model_server.release.set()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "second third"


def test_pieces_at_full_speed_are_joined_and_none_is_lost(proxy: RosterProcess, model_server: ModelServer) -> None:
    chunks = list(ask(proxy.openai(), "script: pieces 400", stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "".join(f"w{number} " for number in range(400))
    assert len(chunks) < 60


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_passed_on_as_reasoning_content(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    answer = ask(proxy.openai(), "script: think The answer.", stream=stream)
    parts = [chunk.choices[0].delta for chunk in answer] if stream else [answer.choices[0].message]
    assert "".join(getattr(part, "reasoning_content", None) or "" for part in parts) == "Let me think."
    assert "".join(part.content or "" for part in parts) == "The answer."


@pytest.mark.parametrize("stream", [False, True])
def test_usage_adds_up_over_the_model_calls_of_a_tool_run(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = ask(proxy.openai(), 'script: tool colour_palette {"base": "blue"}', **options)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        usage = next(chunk.usage for chunk in chunks if chunk.usage)
        assert not [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.tool_calls]
    else:
        text, usage = answer.choices[0].message.content, answer.usage
        assert answer.choices[0].message.tool_calls is None
    assert "#1d70b8" in text
    assert (usage.prompt_tokens, usage.completion_tokens) == (200, 14)
    assert len(model_server.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_by_the_model_says_length(proxy: RosterProcess, model_server: ModelServer, stream: bool) -> None:
    answer = ask(proxy.openai(), "script: cut", stream=stream)
    reasons = [chunk.choices[0].finish_reason for chunk in answer] if stream else [answer.choices[0].finish_reason]
    assert [reason for reason in reasons if reason] == ["length"]


def test_all_client_messages_reach_the_model_with_one_system_message(
    proxy: RosterProcess, model_server: ModelServer
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    call = {"id": "call_9", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "system", "content": "Speak like a pirate."},
        {"role": "user", "content": "first {name} {{x}}"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": "tool result"},
        {"role": "assistant", "content": "an answer"},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, image]},
    ]
    proxy.openai().chat.completions.create(model=AGENT, messages=messages)
    sent = model_server.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert "colour consultant" in sent[0]["content"]
    assert "Speak like a pirate." in sent[0]["content"]
    assert "Be brief." in sent[0]["content"]
    assert sent[1]["content"] == "first {name} {{x}}"
    assert sent[2]["tool_calls"][0]["id"] == "call_9"
    assert sent[3] == {"role": "tool", "tool_call_id": "call_9", "content": "tool result"}
    assert sent[5]["content"][1] == image


def test_parameters_for_the_model_reach_it(proxy: RosterProcess, model_server: ModelServer) -> None:
    wanted: dict[str, Any] = {
        "temperature": 0.3,
        "max_tokens": 50,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
    }
    ask(proxy.openai(), "script: say {}", **wanted)
    sent = model_server.requests[0]
    assert {name: sent.get(name) for name in wanted} == wanted


def test_tools_of_the_client_are_ignored(proxy: RosterProcess, model_server: ModelServer) -> None:
    tool = {
        "type": "function",
        "function": {"name": "delete_everything", "parameters": {"type": "object", "properties": {}}},
    }
    ask(proxy.openai(), "script: say hi", tools=[tool], tool_choice="auto")
    sent = model_server.requests[0]
    assert "delete_everything" not in json.dumps(sent)
    assert "tool_choice" not in sent


def test_the_responses_endpoint_answers_through_the_agent(proxy: RosterProcess, model_server: ModelServer) -> None:
    response = proxy.openai().responses.create(
        model=AGENT, instructions="Be kind.", input="script: say from responses", reasoning={"effort": "high"}
    )
    assert response.output_text == "from responses"
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (100, 7)
    assert "Be kind." in model_server.requests[0]["messages"][0]["content"]
    assert model_server.requests[0]["reasoning_effort"] == "high"


def test_the_responses_endpoint_streams_through_the_agent(proxy: RosterProcess, model_server: ModelServer) -> None:
    events = list(proxy.openai().responses.create(model=AGENT, input="script: say one two", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize("stream", [False, True])
def test_the_text_completions_endpoint_answers_through_the_agent(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    answer: Any = proxy.openai().completions.create(model=AGENT, prompt="script: say a text", stream=stream)
    text = "".join(chunk.choices[0].text or "" for chunk in answer) if stream else answer.choices[0].text
    assert text == "a text"


def test_the_messages_endpoint_answers_through_the_agent(proxy: RosterProcess, model_server: ModelServer) -> None:
    body = {
        "model": AGENT,
        "max_tokens": 99,
        "system": "Be formal.",
        "messages": [{"role": "user", "content": "script: say a message"}],
    }
    with proxy.http() as client:
        answer = client.post("/v1/messages", json=body).json()
    assert answer["content"][0]["text"] == "a message"
    assert answer["usage"]["output_tokens"] == 7
    assert "Be formal." in model_server.requests[0]["messages"][0]["content"]


def test_the_messages_endpoint_streams_through_the_agent(proxy: RosterProcess, model_server: ModelServer) -> None:
    body = {
        "model": AGENT,
        "max_tokens": 99,
        "stream": True,
        "messages": [{"role": "user", "content": "script: say one two"}],
    }
    with proxy.http() as client, client.stream("POST", "/v1/messages", json=body) as response:
        events = [json.loads(line[5:]) for line in response.iter_lines() if line.startswith("data:")]
    texts = [event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta"]
    assert "".join(texts) == "one two"
    assert events[-1]["type"] == "message_stop"


def test_a_direct_model_of_the_config_works_beside_the_agents(proxy: RosterProcess, model_server: ModelServer) -> None:
    answer = ask(proxy.openai(), "script: say direct", model="plain-model")
    assert answer.choices[0].message.content == "direct"
    assert model_server.requests[0]["messages"][0]["role"] == "user"


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_can_use_a_model_of_the_proxys_own_list(
    proxy: RosterProcess, model_server: ModelServer, stream: bool
) -> None:
    answer = ask(proxy.openai(), "script: say through the router", model="agno/via-proxy", stream=stream)
    text = "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
    assert text == "through the router"


def test_an_agent_from_a_factory_runs_its_own_tools(proxy: RosterProcess, model_server: ModelServer) -> None:
    answer = ask(proxy.openai(), 'script: tool roll {"sides": 1}', model="agno/dice")
    assert answer.choices[0].message.content == "The tool said: 1"
    assert "never invent" in model_server.requests[0]["messages"][0]["content"]
