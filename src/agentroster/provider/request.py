"""From LiteLLM's words to a `ChatRequest`: what counts is taken by name, everything else is left behind."""

import secrets
from collections.abc import Mapping
from typing import Any, cast

from agentroster.agents.background_task import recognised
from agentroster.agents.chat import ChatRequest
from agentroster.errors import BadInput, RunRepeated
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.provider.exchange import Exchange, current
from agentroster.provider.tool_card import without_cards

ROSTER_FIELD = "roster"
"""Where `custom_auth` leaves the caller in LiteLLM's key metadata."""

ASKED_FIELD = "roster_asked"
ASKED = secrets.token_hex(16)
"""The hook notes this in LiteLLM's metadata where a client asked for an agent; no client can write it there."""

REASONING_FIELD = "roster_reasoning_effort"
"""LiteLLM drops `reasoning_effort` for providers it does not know; under this name it passes."""

_MODEL_PARAMS = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "top_p",
    "stop",
    "seed",
    "response_format",
    "presence_penalty",
    "frequency_penalty",
)
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def read_request(
    model: str, messages: object, optional_params: Mapping[str, Any], litellm_params: Mapping[str, Any], *, stream: bool
) -> ChatRequest:
    """Return the validated request.

    Raises BadInput for messages that are no conversation, NotAllowed when another model's request led here, and
    RunRepeated when a router runs the same request a second time: its tools may already have acted.
    """
    metadata = cast("Mapping[str, Any]", litellm_params.get("metadata") or {})
    if int(metadata.get("attempted_retries") or 0) > 0:
        raise RunRepeated("This request was already tried once and is not run again.")
    exchange = _exchange(metadata)
    exchange.take()
    params = {name: optional_params[name] for name in _MODEL_PARAMS if optional_params.get(name) is not None}
    effort = optional_params.get(REASONING_FIELD)
    if effort is not None:
        params["reasoning_effort"] = effort
    checked = checked_messages(messages)
    return ChatRequest(
        agent=model.removeprefix("agno/"),
        caller=_caller(metadata),
        messages=without_cards(checked),
        params=params,
        stream=stream,
        pasted=exchange.pasted,
        task=recognised(exchange.task, checked, stream=stream),
    )


def _exchange(metadata: Mapping[str, Any]) -> Exchange:
    """Return the exchange of this request. Without one, the hook's mark says whether the client asked for an agent.

    Plain `litellm` streams some answers outside the task that has the exchange; users of the SDK have neither.
    """
    exchange = current.get()
    if exchange is None:
        exchange = Exchange()
        exchange.is_run = "user_api_key_auth" not in metadata or metadata.get(ASKED_FIELD) == ASKED
    return exchange


def _caller(metadata: Mapping[str, Any]) -> Caller:
    auth = metadata.get("user_api_key_auth")
    claims: object = getattr(auth, "metadata", None)
    if not isinstance(claims, dict):
        return ANONYMOUS
    return Caller.from_claims(cast("dict[str, object]", claims).get(ROSTER_FIELD))


def checked_messages(messages: object) -> list[Mapping[str, object]]:
    """Return the messages of a conversation. Raises BadInput, naming the place of what is wrong."""
    if not isinstance(messages, list) or not messages:
        raise BadInput("`messages` must be a list with at least one message.")
    checked = [_message(index, value) for index, value in enumerate(cast("list[object]", messages))]
    if all(message["role"] in {"system", "developer"} for message in checked):
        raise BadInput("`messages` holds only system messages: add a message with role `user`.")
    return checked


def _message(index: int, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BadInput(f"`messages[{index}]` is not an object.")
    message = cast("Mapping[str, object]", value)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise BadInput(f"`messages[{index}].role` must be one of {', '.join(sorted(_ROLES))}.")
    content = message.get("content")
    if content is not None and not isinstance(content, str | list):
        raise BadInput(f"`messages[{index}].content` must be a text or a list of parts.")
    for name in ("content", "tool_calls"):
        if not _are_objects(message.get(name)):
            raise BadInput(f"`messages[{index}].{name}` holds a part that is not an object.")
    for name in ("name", "tool_call_id"):
        if not isinstance(message.get(name), str | None):
            raise BadInput(f"`messages[{index}].{name}` must be a text.")
    return message


def _are_objects(parts: object) -> bool:
    if parts is None or isinstance(parts, str):
        return True
    return isinstance(parts, list) and all(isinstance(part, dict) for part in cast("list[object]", parts))
