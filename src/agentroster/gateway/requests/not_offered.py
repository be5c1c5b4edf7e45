"""Refuses fields that promise something an agent does not do, where silence would mislead.

Tools of the client are ignored (an agent runs its own), but a client that insists on a call of them would wait for it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentroster.errors import FieldInvalid
from agentroster.json_values import as_list, as_object, is_list, is_object

_Wrong: TypeAlias = Callable[[Any], bool]

_NO_FORCED_CALL = "cannot be met: an agent calls its own tools, never yours. Leave it out, or send `auto` or `none`."
_STATE = "needs what agents do not keep: send the whole conversation in `input`."


def _forces_call(value: Any) -> bool:
    """Whether a tool choice insists on a call: OpenAI's `required`, a named tool; Anthropic's `any` and `tool`."""
    if not is_object(value):
        return value not in ("auto", "none")
    if value.get("type") == "allowed_tools":
        return "required" in (value.get("mode"), as_object(value.get("allowed_tools")).get("mode"))
    return value.get("type") not in ("auto", "none")


def _not_one(value: Any) -> bool:
    return value != 1


def _any(_value: Any) -> bool:
    return True


def _asked(value: Any) -> bool:
    return value is not False and value != 0


def _speaks(value: Any) -> bool:
    return not is_list(value) or "audio" in value


_ONE_ANSWER = "must be 1: an agent gives one answer."
_LOGPROBS = "message.output_text.logprobs"
_NO_LOGPROBS = "is not offered: an agent's answer has no probabilities."
_OPENAI: Mapping[str, tuple[_Wrong, str]] = {
    "n": (_not_one, _ONE_ANSWER),
    "tool_choice": (_forces_call, _NO_FORCED_CALL),
}
_FIELDS: Mapping[str, Mapping[str, tuple[_Wrong, str]]] = {
    "chat/completions": {
        **_OPENAI,
        "function_call": (_forces_call, _NO_FORCED_CALL),
        "logprobs": (_asked, _NO_LOGPROBS),
        "top_logprobs": (_asked, _NO_LOGPROBS),
        "modalities": (_speaks, "must be [\"text\"]: an agent writes, and does not speak."),
        "audio": (_any, "is not offered: an agent writes, and does not speak."),
    },
    "completions": {
        **_OPENAI,
        "best_of": (_not_one, _ONE_ANSWER),
        # Zero asks for the probability of each chosen token.
        "logprobs": (lambda value: value is not False, _NO_LOGPROBS),
        "echo": (_asked, "is not offered: an agent's answer does not begin with the prompt."),
        "suffix": (bool, "is not offered: an agent does not fill in the middle of a text."),
    },
    "responses": {
        "conversation": (_any, _STATE),
        "previous_response_id": (_any, _STATE),
        "prompt": (_any, "is not offered: this proxy stores no prompts, send the text in `instructions`."),
        "background": (_asked, "is not offered: wait for the answer, or begin a job (POST /roster/api/skills)."),
        "tool_choice": (_forces_call, _NO_FORCED_CALL),
        "top_logprobs": (_asked, _NO_LOGPROBS),
        "include": (lambda value: _LOGPROBS in as_list(value), f"must not ask for `{_LOGPROBS}`: there are none."),
    },
    "messages": {"tool_choice": (_forces_call, _NO_FORCED_CALL)},
}  # fmt: skip


def refuse_unoffered(endpoint: str, body: Mapping[str, Any]) -> None:
    """Raise FieldInvalid for a field that asks for what an agent does not do."""
    for name, (is_wrong, problem) in _FIELDS.get(endpoint, {}).items():
        value = body.get(name)
        if value is not None and is_wrong(value):
            raise FieldInvalid(name, problem, code="unsupported_value")
