"""Checks the messages of `/v1/messages`; an error names the field by its path.

Source: Anthropic's API reference, Messages. LiteLLM makes chat messages of it, and passes over what it does not know.
"""

from collections.abc import Mapping
from typing import Any

from agentroster.errors import FieldInvalid
from agentroster.gateway.requests.fields import choice_at, content_at, missing, object_at, objects_at, text_at
from agentroster.gateway.requests.tool_pairs import ToolPairs

_ROLES = frozenset({"user", "assistant", "system"})
_BLOCKS: Mapping[str, frozenset[str]] = {
    "user": frozenset({"text", "image", "document", "tool_result"}),
    "assistant": frozenset({"text", "thinking", "redacted_thinking", "tool_use"}),
    "system": frozenset({"text"}),
}
_SOURCES = frozenset({"base64", "url"})


def checked_anthropic(messages: object) -> list[Mapping[str, object]]:
    """Return the messages. Raises FieldInvalid."""
    given = objects_at(messages, "messages", "message")
    if not given:
        raise FieldInvalid("messages", "must be a list with at least one message.")
    pairs = ToolPairs()
    checked = [_message(message, f"messages[{index}]", pairs) for index, message in enumerate(given)]
    pairs.all_answered()
    if not any(message["role"] == "user" for message in checked):
        raise FieldInvalid("messages", "holds no message of a user: add one with role `user`.")
    return checked


def checked_system(system: object) -> str | list[Mapping[str, object]] | None:
    """Return the system prompt, a text or blocks of text. Raises FieldInvalid."""
    if system is None or isinstance(system, str):
        return system
    blocks = objects_at(system, "system", "block")
    return [_block(block, f"system[{index}]", "system", ToolPairs()) for index, block in enumerate(blocks)]


def _message(message: Mapping[str, Any], path: str, pairs: ToolPairs) -> Mapping[str, object]:
    role = choice_at(message.get("role"), f"{path}.role", _ROLES)
    path = f"{path}.content"
    blocks = content_at(message.get("content"), path, "block", needed=role != "assistant")
    if isinstance(blocks, str):
        pairs.all_answered()
        return {**message, "content": blocks}
    checked = [_block(block, f"{path}[{index}]", role, pairs) for index, block in enumerate(blocks)]
    if role != "assistant":
        # Results come first in what the user sends next: with or without words, all must be there.
        pairs.all_answered()
    return {**message, "content": checked}


def _block(block: Mapping[str, Any], path: str, role: str, pairs: ToolPairs) -> Mapping[str, object]:
    kind = choice_at(block.get("type"), f"{path}.type", _BLOCKS[role])
    if kind == "text":
        text_at(block, "text", path, needed=True)
    elif kind == "image":
        _check_image(block.get("source"), f"{path}.source")
    elif kind == "document":
        object_at(block.get("source"), f"{path}.source")
    elif kind == "tool_use":
        pairs.called(text_at(block, "id", path, needed=True, filled=True), f"{path}.id")
        text_at(block, "name", path, needed=True, filled=True)
        object_at({} if block.get("input") is None else block["input"], f"{path}.input")
    elif kind == "tool_result":
        pairs.answered(text_at(block, "tool_use_id", path, needed=True, filled=True), f"{path}.tool_use_id")
        _check_result(block.get("content"), f"{path}.content")
    return block


def _check_image(value: object, path: str) -> None:
    if value is None:
        raise missing(path, "an object")
    source = object_at(value, path)
    kind = choice_at(source.get("type"), f"{path}.type", _SOURCES)
    text_at(source, "data" if kind == "base64" else "url", path, needed=True, filled=True)
    if kind == "base64":
        text_at(source, "media_type", path, needed=True, filled=True)


def _check_result(value: object, path: str) -> None:
    if value is None or isinstance(value, str):
        return
    for index, block in enumerate(objects_at(value, path, "block")):
        choice_at(block.get("type"), f"{path}[{index}].type", {"text", "image"})
        _block(block, f"{path}[{index}]", "user", ToolPairs())
