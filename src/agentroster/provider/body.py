"""Request bodies for agents: the fields that mean something, with the right types; nothing else passes.

Sources: OpenAI's API reference (chat completions, completions, responses), Anthropic's (messages).
"""

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from agentroster.errors import BadInput
from agentroster.provider.request import REASONING_FIELD, checked_messages

Objects: TypeAlias = list[dict[str, Any]]
Count: TypeAlias = Annotated[int, Field(gt=0)]


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
    response_format: dict[str, Any] | None = None
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
    previous_response_id: StrictStr | None = None


class MessagesBody(_Body):
    """`/v1/messages`."""

    messages: Objects
    max_tokens: Count
    system: StrictStr | Objects | None = None
    stop_sequences: list[StrictStr] | None = None


_BODIES: dict[str, type[_Body]] = {
    "chat/completions": ChatBody,
    "completions": CompletionBody,
    "responses": ResponseBody,
    "messages": MessagesBody,
}


def is_agent(model: object) -> bool:
    """Whether a model name means one of our agents."""
    return isinstance(model, str) and model.startswith("agno/")


def cleaned(endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what is left of a request to an agent. Raises BadInput, naming the field that is wrong."""
    kind = _BODIES.get(endpoint)
    if kind is None:
        raise BadInput("An agent makes no embeddings: choose an embedding model.")
    if body.get("previous_response_id") is not None:
        raise BadInput("`previous_response_id` needs stored responses, which agents do not keep: send the whole input.")
    if "messages" in kind.model_fields:
        checked_messages(body.get("messages"))
    try:
        clean = kind.model_validate(body).model_dump(exclude_none=True)
    except ValidationError as error:
        raise BadInput(_complaint(error)) from error
    reasoning = clean.pop("reasoning", {})
    effort = clean.pop("reasoning_effort", None) or reasoning.get("effort")
    return clean | ({REASONING_FIELD: effort} if isinstance(effort, str) else {})


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(first["loc"][0])
    return f"`{field}`: {first['msg'][0].lower()}{first['msg'][1:]}."
