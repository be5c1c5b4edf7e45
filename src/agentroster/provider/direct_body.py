"""Request bodies for direct models: types that LiteLLM takes for granted, and would answer with 500 otherwise.

Every other field goes on as it is: the model's own server knows what it accepts.
"""

from typing import Any, cast

from agentroster.errors import BadInput

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
    """Raise BadInput, naming the field that is wrong."""
    if taken := _ARGUMENTS & body.keys():
        raise BadInput(f"There is no field `{min(taken)}`.")
    for names, kind, words in ((_OBJECTS, dict, "an object"), (_LISTS, list, "a list")):
        for name in names:
            if not isinstance(body.get(name), kind | None):
                raise BadInput(f"`{name}` must be {words}.")
    if not isinstance(body.get("stream"), bool | None):
        raise BadInput("`stream` must be true or false.")
    if endpoint in {"chat/completions", "messages"}:
        _check_messages(body.get("messages"))
    metadata = cast("dict[str, object]", body.get("metadata") or {})
    if endpoint == "messages" and not isinstance(metadata.get("user_id"), str | None):
        raise BadInput("`metadata.user_id` must be a text.")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadInput("`messages` must be a list with at least one message.")
    for index, message in enumerate(cast("list[object]", messages)):
        if not isinstance(message, dict):
            raise BadInput(f"`messages[{index}]` is not an object.")
        if not isinstance(cast("dict[str, object]", message).get("role"), str):
            raise BadInput(f"`messages[{index}].role` must be a text.")
