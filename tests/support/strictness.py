"""What real model servers check in a request, and the words in which each of them refuses.

Every server checks the history; the rest are checks that a case names. A check yields the sentence of the refusal.
"""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

Json = dict[str, Any]
_ROLES = {"system", "developer", "user", "assistant", "tool"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def refusals(body: Json, checks: list[str], sent: list[Json]) -> Iterator[str]:
    """Yield what a server as strict as `checks` has against a request; `sent` are the turns that it produced."""
    yield from _history(body.get("messages"))
    if "tools" in body and not body["tools"]:
        yield "[] is too short - 'tools'"
    if _SURROGATE.search(json.dumps(body, ensure_ascii=False)):
        yield "Invalid request body: lone leading surrogate in hex escape"
    for check in checks:
        name, _, argument = check.partition(":")
        yield from _CHECKS[name](body, argument, sent)


def body_of_refusal(style: str, message: str) -> Any:
    """Return the error body that this server's family sends with a 400."""
    if style == "gemini":
        return [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}]
    if style in {"mistral", "vllm", "sglang"}:
        return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": 400}
    if style == "llama.cpp":
        return {"error": {"code": 400, "message": message, "type": "invalid_request_error"}}
    if style == "fastapi":
        return {"detail": message}
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def _history(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "[] is too short - 'messages'"
        return
    open_calls: list[str] = []
    seen: set[str] = set()
    for place, message in enumerate(messages):
        role = message.get("role")
        if role not in _ROLES:
            yield f"Invalid value: {role!r} - 'messages.[{place}].role'"
        if role == "tool":
            yield from _answer(message, place, open_calls)
            continue
        if open_calls:
            yield f"messages[{place}]: no answer to tool_call_ids {', '.join(open_calls)}"
        yield from _turn(message, place, seen)
        open_calls = [str(call.get("id")) for call in message.get("tool_calls") or []]
    if open_calls:
        yield f"no answer to tool_call_ids {', '.join(open_calls)}"


def _answer(message: Json, place: int, open_calls: list[str]) -> Iterator[str]:
    if message.get("tool_call_id") in open_calls:
        open_calls.remove(message["tool_call_id"])
    else:
        yield f"messages[{place}]: 'tool' must answer a preceding message with 'tool_calls'"


def _turn(message: Json, place: int, seen: set[str]) -> Iterator[str]:
    calls = message.get("tool_calls")
    for call in calls or []:
        yield from _call(call, place, seen)
    if "tool_calls" in message and not calls:
        yield f"[] is too short - 'messages.{place}.tool_calls'"
    if not calls and message.get("content") is None:
        yield f"Invalid value for 'content': expected a string, got null. (messages[{place}])"


def _call(call: Json, place: int, seen: set[str]) -> Iterator[str]:
    function = call.get("function") or {}
    if not isinstance(call.get("id"), str) or not call["id"]:
        yield f"messages[{place}].tool_calls: missing field `id`"
    elif call["id"] in seen:
        yield f"messages[{place}].tool_calls: duplicate id {call['id']}"
    seen.add(str(call.get("id")))
    if call.get("type") != "function":
        yield f"messages[{place}].tool_calls: missing field `type`"
    if not isinstance(function.get("name"), str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", function["name"]):
        yield f"messages[{place}].tool_calls: invalid function name {function.get('name')!r}"
    try:
        held: Any = json.loads(function["arguments"], parse_constant=_no_constant)
    except (KeyError, TypeError, ValueError) as error:
        yield f"Failed to parse tool call arguments as JSON: {error}"
    else:
        if not isinstance(held, dict):
            yield f"messages[{place}]: tool call arguments must be a JSON object"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _alternate(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    roles = [m["role"] for m in body["messages"] if m["role"] in {"user", "assistant"} and not m.get("tool_calls")]
    if any(one == other for one, other in pairwise(roles)):
        yield "Conversation roles must alternate user/assistant/user/assistant/..."


def _one_system_first(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    if any(m["role"] in {"system", "developer"} for m in body["messages"][1:]):
        yield "System message must be at the beginning."


def _nine(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    for message in body["messages"]:
        for held in [message.get("tool_call_id"), *(call.get("id") for call in message.get("tool_calls") or [])]:
            if held is not None and not re.fullmatch(r"[A-Za-z0-9]{9}", held):
                yield f"Tool call id was {held} but must be a-z, A-Z, 0-9, with a length of 9."


def _returned(body: Json, path: str, sent: list[Json]) -> Iterator[str]:
    """The turns of the loop carry a field as this server sent it; a path through `tool_calls` is of each call."""
    turns = _loop(body)
    for place, (was, now) in enumerate(zip(sent, turns, strict=False)):
        if path.startswith("tool_calls."):
            old, new = was.get("tool_calls") or [], now.get("tool_calls") or []
            pairs = list(zip(old, new, strict=False))
            if len(old) != len(new):
                yield f"tool calls of turn {place} are missing"
        else:
            pairs = [(was, now)]
        for one, other in pairs:
            field = path.removeprefix("tool_calls.")
            if one.get(field) is not None and _joined(other.get(field)) != _joined(one[field]):
                yield _MISSING.get(field, "missing or changed `{}`").format(field) + f" (assistant turn {place})"


def _joined(held: Any) -> Any:
    """Pieces of `reasoning_details` that share an index are one detail; what else there is stays as it is."""
    if not isinstance(held, list):
        return held
    whole: dict[Any, Json] = {}
    for piece in held:
        kept = whole.setdefault(piece.get("index"), {})
        for name, value in piece.items():
            kept[name] = kept.get(name, "") + value if name in {"text", "summary", "data"} else value
    return whole


_MISSING = {
    "extra_content": "Function call is missing a thought_signature in functionCall parts. This is required for tools "
    "to work correctly, and missing thought_signature may lead to degraded model performance.",
    "reasoning_content": "The `{}` in the thinking mode must be passed back to the API.",
}


def _loop(body: Json) -> list[Json]:
    messages = body["messages"]
    last = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=0)
    return [message for message in messages[last:] if message["role"] == "assistant"]


def _without(body: Json, field: str, _: list[Json]) -> Iterator[str]:
    """No message has this field."""
    for place, message in enumerate(body["messages"]):
        if field in message:
            yield f"'messages.{place}' : property '{field}' is unsupported"


def _no_text(body: Json, text: str, _: list[Json]) -> Iterator[str]:
    """No assistant message has this text: thinking is not history."""
    for place, message in enumerate(body["messages"]):
        if message["role"] == "assistant" and text in json.dumps(message.get("content"), ensure_ascii=False):
            yield f"messages[{place}].content holds {text!r}"


def _known(body: Json, names: str, _: list[Json]) -> Iterator[str]:
    for name in body.keys() - set(names.split(",")):
        yield f"Unrecognized request argument supplied: {name}"


def _has(body: Json, name: str, _: list[Json]) -> Iterator[str]:
    if name not in body:
        yield f"missing field `{name}`"


def _last_user_or_tool(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    if body["messages"][-1]["role"] not in {"user", "tool"}:
        yield f"Expected last role User or Tool for serving but got {body['messages'][-1]['role']}"


def _no_user_after_tool(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    roles = [message["role"] for message in body["messages"]]
    if ("tool", "user") in pairwise(roles):
        yield "Unexpected role 'user' after role 'tool'"


def _string_content(body: Json, _: str, __: list[Json]) -> Iterator[str]:
    for place, message in enumerate(body["messages"]):
        if not isinstance(message.get("content", ""), str | None):
            yield f"messages.{place}.content: value must be a string"


_CHECKS: dict[str, Callable[[Json, str, list[Json]], Iterator[str]]] = {
    "alternate": _alternate,
    "one-system-first": _one_system_first,
    "nine": _nine,
    "returned": _returned,
    "without": _without,
    "no-text": _no_text,
    "known": _known,
    "has": _has,
    "last-user-or-tool": _last_user_or_tool,
    "no-user-after-tool": _no_user_after_tool,
    "string-content": _string_content,
}
