"""The body of a request, as one server wants it: a valid conversation, and the names that it knows."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.completion import CompletionRequest
from agentroster.llm.dialects.arguments import BadArguments, is_object_text, read_arguments
from agentroster.llm.dialects.habits import Habits
from agentroster.llm.dialects.rule import Rule

_LIMITS = ("max_tokens", "max_completion_tokens")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")

RULES = (
    Rule(
        name="a conversation that is valid",
        seen="a client's history with empty, missing or repeated ids of calls, arguments as objects or broken, "
        "functions in place of tools, half characters",
        done="ids are made and kept unique, arguments are JSON objects, names are today's",
        source="vLLM and llama-server refuse the rest with 400 or 500",
    ),
)


def body_of(request: CompletionRequest, habits: Habits) -> dict[str, Any]:
    """Return the JSON body of a request."""
    messages = list(_valid(request.messages))
    if habits.one_call:
        messages = list(_one_call_a_turn(messages))
    if habits.answers_tools:
        messages = list(_answered(messages))
    messages = [_as_wanted(message, habits) for message in messages]
    if habits.system_role == "user":
        messages = _without_system(messages)
    if habits.alternates:
        messages = _joined(messages, {"user", "assistant", "system"})
    body: dict[str, Any] = {"model": request.model, "messages": messages, **_params(request.params, habits)}
    if request.tools:
        body["tools"] = list(request.tools)
        if habits.words_only:
            body["tool_choice"] = "none"
        if habits.one_call and "parallel_tool_calls" not in habits.left_out:
            body["parallel_tool_calls"] = False
    if request.stream if habits.stream is None else habits.stream:
        body["stream"] = True
        if "stream_options" not in habits.left_out:
            body["stream_options"] = {"include_usage": True}
    return body


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return the body as bytes; half characters, which strict servers refuse, are replaced."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", json.dumps(body, ensure_ascii=False)).encode()


def _params(params: Mapping[str, object], habits: Habits) -> dict[str, object]:
    wanted = {name: value for name, value in params.items() if name not in habits.left_out and name not in _LIMITS}
    limit = next((params[name] for name in reversed(_LIMITS) if params.get(name) is not None), None)
    if limit is not None and habits.limit:
        wanted[habits.limit] = limit
    form = wanted.get("response_format")
    if is_object(form):
        asked = _form(dict(as_object(form)), habits)
        wanted.pop("response_format")
        if asked is not None:
            wanted["response_format"] = asked
    return wanted


def _form(form: Mapping[str, Any], habits: Habits) -> Mapping[str, Any] | None:
    steps: list[Mapping[str, Any] | None] = [form, None]
    if form.get("type") == "json_schema":
        steps.insert(1, {"type": "json_object"})
        if not habits.is_strict:
            schema = {name: value for name, value in form.get("json_schema", {}).items() if name != "strict"}
            steps[0] = {**form, "json_schema": schema}
    return steps[min(habits.format_step, len(steps) - 1)]


def _valid(messages: Sequence[Mapping[str, object]]) -> Iterator[dict[str, Any]]:
    """Yield the messages with ids that are unique and answered in order, and arguments that are objects."""
    used: set[str] = set()
    waiting: list[tuple[str, str]] = []
    for given in messages:
        message = dict(given)
        calls = message.get("tool_calls") or _legacy(message)
        if message.get("role") == "assistant" and is_list(calls) and calls:
            message.pop("function_call", None)
            waiting = []
            message["tool_calls"] = [_valid_call(call, used, waiting) for call in as_list(calls) if is_object(call)]
        elif message.get("role") in {"tool", "function"}:
            message["role"] = "tool"
            message["tool_call_id"] = _answered_id(str(message.get("tool_call_id") or ""), waiting)
            message.pop("name", None)
        elif message.get("role") == "assistant" and not message.get("content"):
            message = {name: value for name, value in message.items() if name != "tool_calls"}
            message["content"] = message.pop("refusal", None) or message.get("content") or ""
        yield message


def _legacy(message: Mapping[str, object]) -> list[object] | None:
    function = message.get("function_call")
    return [{"id": "", "function": function}] if is_object(function) else None


def _valid_call(call: object, used: set[str], waiting: list[tuple[str, str]]) -> dict[str, Any]:
    fields = dict(as_object(call))
    function = dict(as_object(fields.get("function") or {}))
    given = str(fields.get("id") or "")
    call_id = given
    while not call_id or call_id in used:
        call_id = f"call{len(used):05d}" if not call_id else f"{given}x{len(used)}"
    used.add(call_id)
    waiting.append((given, call_id))
    try:
        arguments = read_arguments(function.get("arguments"))
    except BadArguments:
        arguments = {}
    text = function.get("arguments")
    if not isinstance(text, str) or not is_object_text(text):
        text = json.dumps(arguments, ensure_ascii=False)
    return {**fields, "id": call_id, "type": "function", "function": {**function, "arguments": text}}


def _answered_id(given: str, waiting: list[tuple[str, str]]) -> str:
    """Return the id of the call that a result answers: the one it names, else the next that waits."""
    position = next((index for index, (old, _) in enumerate(waiting) if old == given), 0)
    return waiting.pop(position)[1] if waiting else given


def _one_call_a_turn(messages: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield turns of one call each, every one followed by its own result."""
    position = 0
    while position < len(messages):
        message = messages[position]
        position += 1
        calls = as_list(message.get("tool_calls"))
        if len(calls) < 2:  # noqa: PLR2004 - one call is what is wanted
            yield message
            continue
        results: dict[str, dict[str, Any]] = {}
        while position < len(messages) and messages[position].get("role") == "tool":
            results[str(messages[position].get("tool_call_id"))] = messages[position]
            position += 1
        for number, call in enumerate(calls):
            yield {**message, "content": message.get("content") if number == 0 else None, "tool_calls": [call]}
            if call["id"] in results:
                yield results[call["id"]]


def _answered(messages: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    before = ""
    for message in messages:
        if before == "tool" and message.get("role") == "user":
            yield {"role": "assistant", "content": "Understood."}
        yield message
        before = str(message.get("role"))


def _as_wanted(message: dict[str, Any], habits: Habits) -> dict[str, Any]:
    made = {name: value for name, value in message.items() if name not in habits.not_back}
    if made.get("role") in {"system", "developer"} and habits.system_role != "user":
        made["role"] = habits.system_role
    if habits.plain_content:
        made["content"] = _plain(made.get("content"))
    if habits.short_ids:
        if made.get("tool_call_id"):
            made["tool_call_id"] = _short(made["tool_call_id"])
        if made.get("tool_calls"):
            made["tool_calls"] = [{**call, "id": _short(call["id"])} for call in made["tool_calls"]]
    if made.get("tool_calls") and habits.not_back:
        made["tool_calls"] = [
            {name: value for name, value in call.items() if name not in habits.not_back} for call in made["tool_calls"]
        ]
    return made


def _short(call_id: str) -> str:
    return call_id if _SHORT_ID.fullmatch(call_id) else hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _plain(content: object) -> object:
    if content is None:
        return ""
    parts = as_list(content) if is_list(content) else None
    if parts is None or not all(is_object(part) and "text" in part for part in parts):
        return content
    return "\n".join(str(as_object(part)["text"]) for part in parts)


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the instructions at the beginning of the first question."""
    instructions = [
        str(_plain(message.get("content"))) for message in messages if message.get("role") in {"system", "developer"}
    ]
    rest = [message for message in messages if message.get("role") not in {"system", "developer"}]
    if not instructions:
        return rest
    return _joined([{"role": "user", "content": "\n\n".join(instructions)}, *rest], {"user"})


def _joined(messages: Sequence[dict[str, Any]], roles: set[str]) -> list[dict[str, Any]]:
    joined: list[dict[str, Any]] = []
    for message in messages:
        last = joined[-1] if joined else {}
        role = message.get("role")
        if role not in roles or role != last.get("role") or last.get("tool_calls"):
            joined.append(message)
            continue
        joined[-1] = {**last, **message, "content": _both(last.get("content"), message.get("content"))}
    return joined


def _both(first: object, second: object) -> object:
    if not is_list(first) and not is_list(second):
        return "\n\n".join(str(text) for text in (first, second) if text)
    return [*_parts(first), *_parts(second)]


def _parts(content: object) -> list[object]:
    if is_list(content):
        return as_list(content)
    return [{"type": "text", "text": content}] if content else []
