"""Checks request bodies for direct models: types that LiteLLM takes for granted and would answer with 500.

Every other field goes on as it is: the model's own server knows what it accepts.
"""

from typing import Any, cast

from agentroster.errors import FieldInvalid
from agentroster.gateway.requests.fields import wrong_type

# LiteLLM hands a body on as named arguments: these are its own.
_ARGUMENTS = frozenset({"self", "args", "kwargs", "litellm_params"})
_OBJECTS = (
    "metadata",
    "litellm_metadata",
    "extra_body",
    "extra_headers",
    "thinking",
    "stream_options",
    "response_format",
)
_LISTS = ("tags", "tools", "functions", "stop_sequences", "include")


def check_direct(endpoint: str, body: dict[str, Any]) -> None:
    """Raise FieldInvalid, naming the field that is wrong."""
    if taken := _ARGUMENTS & body.keys():
        raise FieldInvalid(min(taken), "is no field of this interface.", code="unknown_parameter")
    for names, kind, words in ((_OBJECTS, dict, "an object"), (_LISTS, list, "a list")):
        for name in names:
            if not isinstance(body.get(name), kind | None):
                raise wrong_type(name, words)
    if not isinstance(body.get("stream"), bool | None):
        raise wrong_type("stream", "true or false")
    if endpoint in {"chat/completions", "messages", "messages/count_tokens"}:
        _check_messages(body.get("messages"))
    metadata = cast("dict[str, object]", body.get("metadata") or {})
    if endpoint == "messages" and not isinstance(metadata.get("user_id"), str | None):
        raise wrong_type("metadata.user_id", "a text")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise wrong_type("messages", "a list with at least one message")
    for index, message in enumerate(cast("list[object]", messages)):
        if not isinstance(message, dict):
            raise wrong_type(f"messages[{index}]", "an object")
        if not isinstance(cast("dict[str, object]", message).get("role"), str):
            raise wrong_type(f"messages[{index}].role", "a text")
