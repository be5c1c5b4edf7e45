"""Cleans request bodies for agents: known fields with the right types pass, nothing else.

Sources: OpenAI's API reference (chat completions, completions, responses), Anthropic's (messages).
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from agentroster.errors import BadInput, FieldInvalid
from agentroster.gateway.requests.anthropic_messages import checked_anthropic, checked_system
from agentroster.gateway.requests.chat_messages import checked_messages
from agentroster.gateway.requests.chat_request import REASONING_FIELD
from agentroster.gateway.requests.not_offered import refuse_unoffered
from agentroster.gateway.requests.response_input import checked_input
from agentroster.messages import say

Objects: TypeAlias = list[dict[str, Any]]
Count: TypeAlias = Annotated[int, Field(gt=0)]


def _with_type(value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value.get("type"), str):
        raise ValueError("needs a `type` that is a text")  # noqa: TRY004 - what pydantic turns into a refusal
    return value


ResponseFormat: TypeAlias = Annotated[dict[str, Any], AfterValidator(_with_type)]


class _Body(BaseModel):
    """Unknown fields are left out: LiteLLM would obey some of them, and stumble over others."""

    model_config = ConfigDict(extra="ignore")

    model: StrictStr
    stream: StrictBool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None


class _OpenAI(_Body):
    stream_options: dict[str, Any] | None = None
    max_tokens: Count | None = None
    stop: StrictStr | list[StrictStr] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None


class ChatBody(_OpenAI):
    """`/v1/chat/completions`."""

    messages: Objects
    max_completion_tokens: Count | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: StrictStr | None = None


class CompletionBody(_OpenAI):
    """`/v1/completions`; a prompt of token numbers means nothing to an agent."""

    prompt: Annotated[StrictStr, Field(min_length=1)] | Annotated[list[StrictStr], Field(min_length=1)]


class ResponseBody(_Body):
    """`/v1/responses`, without stored state: the whole conversation is in `input`."""

    input: Annotated[StrictStr, Field(min_length=1)] | Annotated[Objects, Field(min_length=1)]
    instructions: StrictStr | None = None
    max_output_tokens: Count | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None


class CountBody(_Body):
    """`/v1/messages/count_tokens`."""

    messages: Objects
    system: StrictStr | Objects | None = None


class MessagesBody(CountBody):
    """`/v1/messages`."""

    max_tokens: Count
    stop_sequences: list[StrictStr] | None = None


_BODIES: dict[str, type[_Body]] = {
    "chat/completions": ChatBody,
    "completions": CompletionBody,
    "responses": ResponseBody,
    "messages": MessagesBody,
    "messages/count_tokens": CountBody,
}


def is_agent(model: object) -> bool:
    """Whether a model name means one of our agents."""
    return isinstance(model, str) and model.startswith("agno/")


def cleaned(endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the known fields of a request to an agent, checked. Raises BadInput, naming the field that is wrong."""
    kind = _BODIES.get(endpoint)
    if kind is None:
        raise BadInput(say("gateway.no_embeddings"))
    refuse_unoffered(endpoint, body)
    body = {**body, **_conversation(endpoint, body)}
    try:
        clean = kind.model_validate(body).model_dump(exclude_none=True)
    except ValidationError as error:
        raise _refusal(error) from error
    reasoning = clean.pop("reasoning", {})
    effort = clean.pop("reasoning_effort", None) or reasoning.get("effort")
    return clean | ({REASONING_FIELD: effort} if isinstance(effort, str) else {})


def _conversation(endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with what was said, in the words of their interface, checked and repaired."""
    match endpoint:
        case "chat/completions":
            return {"messages": checked_messages(body.get("messages"))}
        case "responses":
            return {"input": checked_input(body.get("input"))}
        case "completions":
            return {}
        case _:
            system = checked_system(body.get("system"))
            return {"messages": checked_anthropic(body.get("messages")), "system": system}


def _refusal(error: ValidationError) -> FieldInvalid:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    code = {"missing": "missing_required_parameter"}.get(first["type"], "invalid_value")
    code = "invalid_type" if first["type"].endswith("_type") else code
    path = str(first["loc"][0]) + "".join(f"[{step}]" for step in first["loc"][1:] if isinstance(step, int))
    return FieldInvalid(path, f"is wrong: {first['msg'][0].lower()}{first['msg'][1:]}.", code=code)
