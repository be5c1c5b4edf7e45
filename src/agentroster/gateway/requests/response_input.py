"""Checks the `input` of `/v1/responses`; an error names the field by its path.

Source: OpenAI's API reference, Responses. LiteLLM makes chat messages of it; what it does not know it passes over in
silence, or stumbles.
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

_ROLES = frozenset({"system", "developer", "user", "assistant"})
_CALLS = frozenset({"function_call", "custom_tool_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_ITEMS = frozenset({"message", "reasoning"}) | _CALLS | _OUTPUTS
_TEXT_PARTS = frozenset({"input_text", "output_text", "text"})
_PARTS = _TEXT_PARTS | {"refusal", "input_image", "input_file"}
_FILE_FIELDS = ("file_data", "file_url", "file_id")


def checked_input(value: object) -> str | list[Mapping[str, object]]:
    """Return the input, repaired. Raises FieldInvalid."""
    if value == "":
        raise FieldInvalid("input", "must not be empty.")
    items = [] if value == [] else content_at(value, "input", "item", needed=True)
    if isinstance(items, str):
        return items
    pairs = ToolPairs()
    checked = [_item(item, f"input[{index}]", pairs) for index, item in enumerate(items)]
    pairs.all_answered()
    if not any(_is_said(item) for item in checked):
        raise FieldInvalid("input", "holds no message of a user: add an item with role `user`.")
    # What a model thought is its own server's; agents do not read it again.
    return [item for item in checked if item.get("type") != "reasoning"]


def _is_said(item: Mapping[str, object]) -> bool:
    return item.get("role") not in {None, "system", "developer"} or item.get("type") in _OUTPUTS


def _item(item: Mapping[str, Any], path: str, pairs: ToolPairs) -> Mapping[str, object]:
    kind = item.get("type")
    if kind is None and "role" not in item:
        raise missing(f"{path}.type", f"one of {', '.join(sorted(_ITEMS))}")
    if kind == "item_reference":
        problem = "must not be `item_reference`: agents keep no responses, so send the item itself."
        raise FieldInvalid(f"{path}.type", problem, code="unsupported_value")
    kind = choice_at("message" if kind is None else kind, f"{path}.type", _ITEMS)
    if kind in _CALLS:
        return _call(item, kind, path, pairs)
    if kind in _OUTPUTS:
        call_id = text_at(item, "call_id", path, needed=True)
        pairs.answered(call_id, f"{path}.call_id")
        return {**item, "type": "function_call_output", "output": _output(item.get("output"), f"{path}.output")}
    if kind == "reasoning":
        return item
    pairs.all_answered()
    role = choice_at(item.get("role"), f"{path}.role", _ROLES)
    return {**item, "type": "message", "content": _content(item.get("content"), f"{path}.content", role)}


def _call(item: Mapping[str, Any], kind: str, path: str, pairs: ToolPairs) -> Mapping[str, object]:
    call_id = text_at(item, "call_id", path, needed=True)
    pairs.called(call_id, f"{path}.call_id")
    name = text_at(item, "name", path, needed=True, filled=True)
    if kind == "custom_tool_call":
        arguments: object = json.dumps({"input": text_at(item, "input", path)})
    else:
        arguments = item.get("arguments")
        if isinstance(arguments, Mapping):
            arguments = json.dumps(arguments)
        elif not isinstance(arguments, str | None):
            raise wrong_type(f"{path}.arguments", "a text with a JSON object")
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments or "{}"}


def _output(value: object, path: str) -> object:
    if value is None:
        raise missing(path, "a text or a list of parts")
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(value)
    parts = objects_at(value, path, "part")
    # LiteLLM passes on texts; a picture in an answer of a tool would be lost without a word.
    return "\n".join(_text_part(part, f"{path}[{index}]") for index, part in enumerate(parts))


def _text_part(part: Mapping[str, Any], path: str) -> str:
    choice_at(part.get("type"), f"{path}.type", _TEXT_PARTS)
    return text_at(part, "text", path, needed=True)


def _content(value: object, path: str, role: str) -> str | list[Mapping[str, object]]:
    parts = content_at(value, path, "part", needed=role != "assistant")
    if isinstance(parts, str):
        return parts
    return [_part(part, f"{path}[{index}]", role) for index, part in enumerate(parts)]


def _part(part: Mapping[str, Any], path: str, role: str) -> Mapping[str, object]:
    kind = choice_at(part.get("type"), f"{path}.type", _PARTS)
    if kind == "refusal":
        return {"type": "output_text", "text": text_at(part, "refusal", path, needed=True)}
    if kind == "input_image":
        return {**part, "image_url": _image(part, path)}
    if kind == "input_file":
        if not any(text_at(part, name, path) for name in _FILE_FIELDS):
            raise missing(f"{path}.file_data", "a text, or `file_url`")
        return part
    text = text_at(part, "text", path, needed=True)
    return {**part, "type": "output_text" if role == "assistant" else "input_text", "text": text}


def _image(part: Mapping[str, Any], path: str) -> str:
    if part.get("file_id") is not None:
        raise FieldInvalid(f"{path}.file_id", "must not be set: this proxy keeps no files, send `image_url`.")
    url = part.get("image_url")
    if isinstance(url, Mapping):
        # The form of chat completions.
        return text_at(object_at(part["image_url"], f"{path}.image_url"), "url", f"{path}.image_url", needed=True)
    return text_at(part, "image_url", path, needed=True, filled=True)
