"""Tool calls that arrive in fragments: which fragment belongs to which call."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.dialects.arguments import MAX_ARGUMENT_BYTES, BadArguments, is_object_text, read_arguments
from agentroster.llm.dialects.rule import Rule
from agentroster.messages import say

_MAX_CALLS = 128
_MAX_CHECKS = 100

RULES = (
    Rule(
        name="which call a fragment belongs to",
        seen="all calls with `index: 0`, with none or null; several in one chunk; whole calls in a stream; ids "
        "repeated with each fragment, or missing; names repeated, or split",
        done="a new id under a known index begins a new call, and so does a name after complete arguments",
        source="ollama#7881, vercel/ai#14277, openai-python#2806, Gemini's OpenAI endpoint",
    ),
    Rule(
        name="arguments that grow",
        seen="each fragment holds all arguments so far, or the complete ones come once more at the end",
        done="the last state counts",
        source="streams of DashScope and of gateways that resend a call's state",
    ),
    Rule(
        name="the function call of before tools",
        seen="`function_call` in place of `tool_calls`",
        done="read as one call",
        source="OpenAI API reference, deprecated fields",
    ),
)


@dataclass(slots=True)
class OpenCall:
    """A call as far as it has come; `wire` holds the fields that must go back as they were."""

    index: int | None
    id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list[str])
    size: int = 0
    whole: object = None
    checks: int = 0
    wire: dict[str, Any] = field(default_factory=dict[str, Any])
    function_wire: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        """The arguments so far."""
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""

    def is_complete(self) -> bool:
        """Whether the arguments so far are a JSON object. Cheap while they are not."""
        if self.whole is not None:
            return True
        if not self.parts or not self.parts[-1].rstrip().endswith("}") or self.checks >= _MAX_CHECKS:
            return False
        self.checks += 1
        return is_object_text(self.text)

    def read(self, *, takes_none: bool) -> dict[str, Any]:
        """Return the arguments, for a tool that may take none. Raises BadArguments."""
        if self.size > MAX_ARGUMENT_BYTES:
            raise BadArguments(say("llm.arguments_too_large"))
        return read_arguments(self.whole if self.whole is not None else self.text, takes_none=takes_none)


@dataclass(slots=True)
class CallCollector:
    """Collects the calls of one answer, in order; `tools` are the names that are known."""

    tools: Collection[str]
    calls: list[OpenCall] = field(default_factory=list[OpenCall])

    def add_all(self, fragments: object, *, are_whole: bool) -> None:
        """Take the `tool_calls` of a chunk, or of a whole message, where each is a call of its own."""
        if is_object(fragments):
            fragments = [as_object(fragments)]
        if not is_list(fragments):
            return
        for fragment in as_list(fragments):
            if is_object(fragment) and len(self.calls) < _MAX_CALLS:
                self._add(as_object(fragment), is_whole=are_whole)

    def add_legacy(self, function: object, *, is_whole: bool) -> None:
        """Take a `function_call`."""
        if is_object(function):
            self._add({"index": 0, "function": as_object(function)}, is_whole=is_whole)

    def _add(self, fragment: Mapping[str, Any], *, is_whole: bool) -> None:
        given: object = fragment.get("function")
        # Some servers leave the inner object out.
        function = as_object(given) if is_object(given) else fragment
        call_id, name, index = _text(fragment.get("id")), _text(function.get("name")), _index(fragment.get("index"))
        arguments: object = function.get("arguments")
        if arguments is None and given is None:
            arguments = fragment.get("input")
        call = None if is_whole else self._found(call_id, name, index, arguments)
        if call is None:
            call = OpenCall(index)
            self.calls.append(call)
        call.id = call.id or call_id
        _name(call, name)
        _arguments(call, arguments)
        call.wire.update(_others(fragment, {"index", "id", "type", "function", "name", "arguments", "input"}))
        if function is not fragment:
            call.function_wire.update(_others(function, {"name", "arguments"}))

    def distinct(self) -> list[OpenCall]:
        """Return the calls, of which one that was sent twice under one id counts once."""
        seen: list[tuple[str, str, object]] = []
        kept: list[OpenCall] = []
        for call in self.calls:
            key = (call.id, call.name, call.whole if call.whole is not None else call.text)
            if not call.id or key not in seen:
                kept.append(call)
            seen.append(key)
        return kept

    def _found(self, call_id: str, name: str, index: int | None, arguments: object) -> OpenCall | None:
        """Return the open call that a fragment goes on with, or None when it begins one."""
        if call_id:
            same = next((call for call in self.calls if call.id == call_id), None)
            if same is not None:
                if name and None not in (index, same.index) and index != same.index:
                    return None  # one id for two calls
                return None if self._begins_again(same, name, index, arguments) else same
        candidates = [call for call in self.calls if index is None or call.index in {index, None}]
        last = candidates[-1] if candidates else None
        if last is None and not call_id and not name:
            return self.calls[-1] if self.calls else None  # the rest of the last call under a number of its own
        if last is None or (call_id and last.id):
            return None
        if not name:
            return last
        return None if self._begins_again(last, name, index, arguments) else last

    def _begins_again(self, call: OpenCall, name: str, index: int | None, arguments: object) -> bool:
        """Whether a fragment with a name begins a call of its own, although it looks as if it went on with this one."""
        if not name or not call.name:
            return False
        if call.is_complete():
            # The same once more, or its empty end, is no second call.
            return bool(arguments or name != call.name) and not _repeats(call, arguments)
        if name == call.name or name.startswith(call.name):
            return False
        # A name may be split as well; then both parts together are a name.
        return bool(call.parts) or index is None or (call.name in self.tools and call.name + name not in self.tools)


def _repeats(call: OpenCall, arguments: object) -> bool:
    return arguments in (call.text, call.whole) and bool(call.id)


def _name(call: OpenCall, name: str) -> None:
    if not name or name == call.name:
        return
    if not call.name or name.startswith(call.name):
        call.name = name
    elif not call.parts:
        call.name += name


def _arguments(call: OpenCall, arguments: object) -> None:
    if arguments is None:
        return
    if not isinstance(arguments, str):
        call.whole = arguments
        return
    if not arguments or call.size > MAX_ARGUMENT_BYTES:
        return
    first = call.parts[0] if call.parts else ""
    # Arguments that begin anew with what is there already are all of them so far, not some more.
    may_grow = first.startswith("{") and arguments.startswith("{") and len(arguments) >= call.size > 1
    if may_grow and arguments.startswith(call.text):
        call.parts, call.size = [arguments], len(arguments)
        return
    call.parts.append(arguments)
    call.size += len(arguments)


def _others(fields: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in known and value is not None}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _index(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def wire_call(call: OpenCall, call_id: str, name: str, arguments: Mapping[str, Any]) -> dict[str, object]:
    """Return a call as it goes back to the server: with all fields it came with, and arguments that are valid."""
    text = json.dumps(arguments, ensure_ascii=False)
    return {
        **call.wire,
        "id": call_id,
        "type": "function",
        "function": {**call.function_wire, "name": name, "arguments": text},
    }


def names_of(tools: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the parameters of each tool by its name."""
    functions = [as_object(tool.get("function") or {}) for tool in tools]
    return {str(function.get("name")): function.get("parameters") or {} for function in functions}
