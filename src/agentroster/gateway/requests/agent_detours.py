"""Refuses ways to an agent through another model's request: fallbacks, aliases and their like in its body.

An agent's own request is cleaned field by field; a request to a direct model is LiteLLM's, and LiteLLM finds further
models in many places of it. None of them may be an agent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agentroster.errors import BadInput
from agentroster.json_values import is_list, is_object
from agentroster.messages import say

# What a model reads, or what only describes the request. Everything else might steer, also in a later LiteLLM.
_CONTENT_FIELDS = frozenset(
    {
        "model", "messages", "prompt", "input", "instructions", "system", "suffix", "stop", "stop_sequences", "user",
        "safety_identifier", "prompt_cache_key", "tools", "functions", "response_format", "text", "prediction",
    }
)  # fmt: skip
# LiteLLM's own notes under plain `litellm`; the client's words in them are nobody's command.
_LITELLM_FIELDS = frozenset({"metadata", "litellm_metadata", "proxy_server_request", "secret_fields"})
_MAX_DEPTH = 64


def refuse_detours(body: Mapping[str, Any]) -> None:
    """Raise BadInput when a field of a request to a direct model, at any depth, names an agent."""
    for name, value in body.items():
        if name in _CONTENT_FIELDS or name in _LITELLM_FIELDS:
            continue
        if any(_names_agent(text) for text in _texts(value, 0)):
            raise BadInput(say("gateway.agent_named_elsewhere", field=name[:60]))


def _names_agent(text: str) -> bool:
    words = text.strip().casefold()
    return words == "agno" or "agno/" in words


def _texts(value: object, depth: int) -> Iterator[str]:
    """Yield all texts and keys in a value, but not what a model reads: messages may say what they like."""
    if depth > _MAX_DEPTH:
        raise BadInput(say("gateway.body_too_deep"))
    if isinstance(value, str):
        yield value
    elif is_object(value):
        for name, inner in value.items():
            yield name
            if name not in _CONTENT_FIELDS or name == "model":
                yield from _texts(inner, depth + 1)
    elif is_list(value):
        for inner in value:
            yield from _texts(inner, depth + 1)
