"""The ways to ask a server for JSON, and which of them each server is known to take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from agentroster.llm.backend import ModelChoice
from agentroster.lru import LruDict

_MAX_REMEMBERED = 256
# Not all servers know these, and we check the answer ourselves.
_OURS = frozenset(
    {"$schema", "title", "default", "examples", "minLength", "maxLength", "pattern", "format", "uniqueItems"}
)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """One way to ask: the kind of `response_format`, and whether the temperature is set."""

    kind: Literal["json_schema", "json_object", "text"]
    sets_temperature: bool = True

    def params(self, schema: Mapping[str, Any], max_tokens: int) -> dict[str, object]:
        """Return the body fields of a call."""
        limits: dict[str, object] = {"max_tokens": max_tokens}
        if self.sets_temperature:
            limits["temperature"] = 0
        match self.kind:
            case "json_schema":
                described = {"name": "answer", "strict": True, "schema": _strict(schema)}
                return {**limits, "response_format": {"type": "json_schema", "json_schema": described}}
            case "json_object":
                return {**limits, "response_format": {"type": "json_object"}}
            case "text":
                return limits


LADDER = (
    AnswerForm("json_schema"),
    AnswerForm("json_object"),
    AnswerForm("text"),
    # Some models take no temperature but their own, and not all servers name it when they refuse it.
    AnswerForm("json_schema", sets_temperature=False),
)


class KnownForms:
    """Remembers, for as long as the process lives, on which step of the ladder each model answered."""

    def __init__(self) -> None:
        self._steps = LruDict[tuple[str, str], int](_MAX_REMEMBERED)

    def first_step(self, choice: ModelChoice) -> int:
        """Return the step to begin with."""
        return self._steps.get((choice.server, choice.name), 0)

    def remember(self, choice: ModelChoice, step: int) -> None:
        """Keep the step that a server took; the oldest is forgotten when there are too many."""
        self._steps[choice.server, choice.name] = step


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema as strict servers take it: objects are closed and complete, no bounds on texts."""
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            properties = cast("dict[str, dict[str, Any]]", value)
            made[key] = {name: _strict(inner) for name, inner in properties.items()}
        elif key not in _OURS:
            made[key] = _strict(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
    if "properties" in made:
        made |= {"additionalProperties": False, "required": list(made["properties"])}
    return made
