"""Makes a `ChatRequest` of a cleaned body or of LiteLLM's arguments: known parameters by name, nothing else."""

import secrets
from collections.abc import Mapping
from typing import Any, cast

from agentroster.errors import RunRepeated
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.chat_messages import checked_messages
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.json_values import is_object
from agentroster.messages import say
from agentroster.runs.background_task import recognised
from agentroster.runs.chat import ChatRequest
from agentroster.runs.presentation.history import short_history

ROSTER_FIELD = "roster"
"""Where `custom_auth` leaves the caller in LiteLLM's key metadata."""

ASKED_FIELD = "roster_asked"
ASKED = secrets.token_hex(16)
"""The hook notes this in LiteLLM's metadata where a client asked for an agent; no client can write it there."""

REASONING_FIELD = "roster_reasoning_effort"
"""LiteLLM drops `reasoning_effort` for providers it does not know; under this name it passes."""

_SAME_NAMES = (
    "temperature", "max_tokens", "max_completion_tokens", "top_p", "stop", "seed", "response_format",
    "presence_penalty", "frequency_penalty",
)  # fmt: skip
_MODEL_PARAMS = {**{name: name for name in _SAME_NAMES}, REASONING_FIELD: "reasoning_effort"}


def read_request(
    model: str, messages: object, optional_params: Mapping[str, Any], litellm_params: Mapping[str, Any], *, stream: bool
) -> ChatRequest:
    """Return the validated request.

    Raises FieldInvalid for messages that are no conversation, NotAllowed when another model's request led here, and
    RunRepeated when a router runs the same request a second time: its tools may already have acted.
    """
    metadata = cast("Mapping[str, Any]", litellm_params.get("metadata") or {})
    if int(metadata.get("attempted_retries") or 0) > 0:
        raise RunRepeated(say("gateway.run_retried"))
    body = {**optional_params, "model": model, "messages": checked_messages(messages), "stream": stream}
    return chat_request(body, _caller(metadata), _context_of(metadata))


def chat_request(body: Mapping[str, Any], caller: Caller, context: RequestContext) -> ChatRequest:
    """Return the request of a body whose fields and messages are checked. Raises as `RequestContext.take`."""
    context.take()
    messages, stream = body["messages"], bool(body.get("stream"))
    return ChatRequest(
        agent=body["model"].removeprefix("agno/"),
        caller=caller,
        messages=short_history(messages),
        params={name: body[field] for field, name in _MODEL_PARAMS.items() if body.get(field) is not None},
        stream=stream,
        pasted=context.pasted,
        task=recognised(context.task, messages, stream=stream),
    )


def _context_of(metadata: Mapping[str, Any]) -> RequestContext:
    """Return the context of this request. Without one, the hook's mark says whether the client asked for an agent.

    Plain `litellm` streams some answers outside the task that has the context; users of the SDK have neither.
    """
    context = current.get()
    if context is None:
        context = RequestContext()
        context.is_run = "user_api_key_auth" not in metadata or metadata.get(ASKED_FIELD) == ASKED
    return context


def _caller(metadata: Mapping[str, Any]) -> Caller:
    claims: object = getattr(metadata.get("user_api_key_auth"), "metadata", None)
    return Caller.from_claims(claims.get(ROSTER_FIELD)) if is_object(claims) else ANONYMOUS
