"""Keeps the tool calls of one run: what tools are given, and the turns as the server wants them back.

Agno would turn the texts "true" and "none" into values, and forget fields that it does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentroster.llm.completion import Message, ToolCall, Turn


@dataclass(slots=True)
class ToolCalls:
    """Belongs to one run."""

    own: set[str] = field(default_factory=set[str])
    """Names of the tools that look up their arguments here."""

    _calls: dict[str, ToolCall] = field(default_factory=dict[str, ToolCall])
    _turns: dict[str, Message] = field(default_factory=dict[str, Message])

    def add(self, turn: Turn) -> list[dict[str, Any]]:
        """Keep a turn, and return its calls for Agno."""
        self._calls |= {call.id: call for call in turn.calls}
        self._turns[turn.calls[0].id] = turn.message
        return [self._for_agno(call, wire) for call, wire in zip(turn.calls, _wire_calls(turn), strict=True)]

    def find(self, call_id: str) -> ToolCall | None:
        """Return a call of this run."""
        return self._calls.get(call_id)

    def turn_of(self, calls: Sequence[Mapping[str, Any]]) -> Message | None:
        """Return the turn that these calls belong to, as it goes back to the server; None for a client's."""
        return self._turns.get(str(calls[0].get("id")))

    def _for_agno(self, call: ToolCall, wire: Mapping[str, Any]) -> dict[str, Any]:
        if call.name in self.own:
            arguments = "{}"
        else:
            # What cannot be read must fail in Agno too, for tools that an agent's own factory brought.
            arguments = "not a JSON object" if call.error else wire["function"]["arguments"]
        return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _wire_calls(turn: Turn) -> Sequence[Mapping[str, Any]]:
    calls: Any = turn.message["tool_calls"]
    return calls
