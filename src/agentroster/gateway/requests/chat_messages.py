"""Checks the messages of a chat completion; repairs what many clients send, and names the rest by its path.

Source: OpenAI's API reference, chat completions. Repaired: an assistant's message without content or with a refusal
alone, arguments as an object, an image's address as a text, functions in place of tools.
"""

import json
from collections.abc import Mapping
from typing import Any

from agentroster.errors import FieldInvalid
from agentroster.gateway.requests.fields import (
    choice_at,
    content_at,
    missing,
    object_at,
    objects_at,
    text_at,
    wrong_type,
)
from agentroster.gateway.requests.tool_pairs import ToolPairs

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_PARTS: Mapping[str, frozenset[str]] = {
    "user": _TEXT_PARTS | {"image_url", "input_audio", "file", "video_url"},
    "assistant": _TEXT_PARTS | {"refusal", "thinking", "redacted_thinking", "image_url"},
}


def checked_messages(messages: object) -> list[Mapping[str, object]]:
    """Return the messages of a conversation, repaired. Raises FieldInvalid."""
    given = objects_at(messages, "messages", "message")
    if not given:
        raise FieldInvalid("messages", "must be a list with at least one message.")
    pairs = ToolPairs()
    checked = [_message(message, f"messages[{index}]", pairs) for index, message in enumerate(given)]
    pairs.all_answered()
    if all(message["role"] in {"system", "developer"} for message in checked):
        raise FieldInvalid("messages", "holds only system messages: add a message with role `user`.")
    return checked


def _message(message: Mapping[str, Any], path: str, pairs: ToolPairs) -> Mapping[str, object]:
    role = choice_at(message.get("role"), f"{path}.role", ROLES)
    text_at(message, "name", path)
    if role in {"tool", "function"}:
        content = _content(message, path, role, needed=True)
        call_id = text_at(message, "tool_call_id", path)
        pairs.answered(call_id, f"{path}.tool_call_id" if call_id else path)
        return {**message, "content": content}
    pairs.all_answered()
    if role != "assistant":
        return {**message, "content": _content(message, path, role, needed=True)}
    content = _content(message, path, role, needed=False) or text_at(message, "refusal", path)
    repaired = {**message, "content": content}
    for name in ("tool_calls", "function_call"):
        if message.get(name) is None:
            repaired.pop(name, None)
    if "tool_calls" in repaired:
        calls = objects_at(message["tool_calls"], f"{path}.tool_calls", "tool call")
        repaired["tool_calls"] = [_call(call, f"{path}.tool_calls[{at}]", pairs) for at, call in enumerate(calls)]
    elif "function_call" in repaired:
        repaired["function_call"] = _function(message["function_call"], f"{path}.function_call")
        pairs.called("", f"{path}.function_call")
    return repaired


def _call(call: Mapping[str, Any], path: str, pairs: ToolPairs) -> Mapping[str, object]:
    call_id = text_at(call, "id", path)
    pairs.called(call_id, f"{path}.id" if call_id else path)
    if call.get("type") == "custom":
        # A tool that takes free text; a server of chat completions may know only functions.
        custom = object_at(call.get("custom"), f"{path}.custom")
        arguments = json.dumps({"input": text_at(custom, "input", f"{path}.custom")})
        name = text_at(custom, "name", f"{path}.custom", needed=True, filled=True)
        return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if call.get("type") not in (None, "function"):
        raise FieldInvalid(f"{path}.type", "must be `function` or `custom`.")
    if call.get("function") is None:
        raise missing(f"{path}.function", "an object")
    return {**call, "type": "function", "function": _function(call["function"], f"{path}.function")}


def _function(value: object, path: str) -> Mapping[str, object]:
    function = object_at(value, path)
    text_at(function, "name", path, needed=True, filled=True)
    arguments = function.get("arguments")
    if arguments is None:
        arguments = "{}"
    elif isinstance(arguments, Mapping):
        arguments = json.dumps(arguments)
    elif not isinstance(arguments, str):
        raise wrong_type(f"{path}.arguments", "a text with a JSON object")
    return {**function, "arguments": arguments}


def _content(message: Mapping[str, Any], path: str, role: str, *, needed: bool) -> str | list[Mapping[str, object]]:
    content, path = message.get("content"), f"{path}.content"
    if content is None and role == "function" and "content" in message:
        # It returned nothing; OpenAI's reference calls its content nullable.
        return ""
    parts = content_at(content, path, "part", needed=needed)
    if isinstance(parts, str):
        return parts
    return [_part(part, f"{path}[{index}]", role) for index, part in enumerate(parts)]


def _part(part: Mapping[str, Any], path: str, role: str) -> Mapping[str, object]:
    known = _PARTS.get(role, _TEXT_PARTS)
    kind = choice_at(part.get("type"), f"{path}.type", known)
    if kind in _TEXT_PARTS:
        text_at(part, "text", path, needed=True)
    elif kind == "refusal":
        return {"type": "text", "text": text_at(part, "refusal", path, needed=True)}
    elif kind == "image_url":
        return {**part, "image_url": _image(part.get("image_url"), f"{path}.image_url")}
    elif kind in {"input_audio", "file", "video_url"}:
        # Whether it can hear, read or watch is the model's to say.
        object_at(part.get(kind), f"{path}.{kind}")
    return part


def _image(value: object, path: str) -> Mapping[str, object]:
    if value is None:
        raise missing(path, "an object with `url`")
    image = {"url": value} if isinstance(value, str) else object_at(value, path)
    text_at(image, "url", path, needed=True, filled=True)
    text_at(image, "detail", path)
    return image
