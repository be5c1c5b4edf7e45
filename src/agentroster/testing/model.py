"""A language model that says what a test wrote down."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentroster.errors import UpstreamError
from agentroster.llm.completion import Chunk, CompletionRequest, ToolCall, Turn, Usage


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool that the model calls."""

    tool: str
    arguments: dict[str, Any]


Scripted: TypeAlias = str | ScriptedCall | Sequence[ScriptedCall] | Exception


def answer(**values: Any) -> str:
    """Return the answer to the question of a pipeline: these values, as JSON."""
    return json.dumps(values, ensure_ascii=False)


def tool_call(tool: str, /, **arguments: Any) -> ScriptedCall:
    """Return a call of a tool; a list of them is made at once."""
    return ScriptedCall(tool, arguments)


class ScriptedModel:
    """Gives one answer after the other: a text, a call of a tool or several, or an error that it raises.

    `requests` has what it was asked; `texts` the messages of each, joined.
    """

    def __init__(self, *answers: Scripted) -> None:
        self._answers = list(answers)
        self.requests: list[CompletionRequest] = []

    @property
    def texts(self) -> list[str]:
        """What it was told, one text for each request."""
        return ["\n\n".join(str(message.get("content") or "") for message in one.messages) for one in self.requests]

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Yield the next answer. Raises UpstreamError when none is left."""
        self.requests.append(request)
        if not self._answers:
            raise UpstreamError(f"The script of this model has no answer left for request {len(self.requests)}.")
        scripted = self._answers.pop(0)
        if isinstance(scripted, Exception):
            raise scripted
        usage = Usage(prompt_tokens=1, completion_tokens=1)
        if isinstance(scripted, str):
            yield Chunk(text=scripted)
            yield Chunk(finish="stop", usage=usage)
            return
        calls = [scripted] if isinstance(scripted, ScriptedCall) else list(scripted)
        yield Chunk(finish="tool_calls", usage=usage, turn=_turn(calls, len(self.requests)))


def _turn(calls: Sequence[ScriptedCall], number: int) -> Turn:
    made = [
        ToolCall(id=f"call-{number}-{place}", name=one.tool, arguments=one.arguments) for place, one in enumerate(calls)
    ]
    wire = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": json.dumps(dict(one.arguments))}}
        for one in made
    ]
    return Turn(calls=tuple(made), message={"role": "assistant", "content": None, "tool_calls": wire})
