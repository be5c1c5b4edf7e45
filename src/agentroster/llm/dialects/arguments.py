"""The arguments of a tool call: from what a model wrote to an object, or to a sentence that lets it try again.

Mended is only how an object is written, never what it says: a cut or garbled one does not run.
"""

import ast
import json
import re
from typing import Any, NoReturn

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.dialects.rule import Rule
from agentroster.messages import say

MAX_ARGUMENT_BYTES = 1_000_000
_MAX_LITERAL = 100_000
_MAX_NESTED_TEXTS = 3
_FENCE = re.compile(r"```[a-zA-Z_]*\s*(.*?)\s*```", re.DOTALL)
_MARK = r"(?:<\|[^<>|]{1,40}\|>)"
_MARKS = re.compile(rf"(?:\s|{_MARK}|</?tool_call>|</s>|```|[}}\]])*")
_LEADING_MARKS = re.compile(rf"^(?:{_MARK}\s*(?:json(?=\s|<))?\s*)+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

RULES = (
    Rule(
        name="arguments that are no JSON object",
        seen="an object instead of text, text in text, a fence around it, a Python literal, the same object twice, an "
        "empty one before it, special tokens around it, spare braces behind it, line breaks inside texts, nothing",
        done="read as what was meant; tools get these values, and not what a framework makes of them",
        source="agno#10231, OpenHands#13949, llama.cpp#20198",
    ),
    Rule(
        name="arguments that are broken or cut",
        seen="no object can be read, or the answer ended at its token limit in the middle of them",
        done="the tool does not run; the model reads why and may call again. What goes back to the server is always "
        "a valid object, because strict servers end the conversation otherwise",
        source="llama.cpp#25510, #22948; vLLM refuses such a history with 400",
    ),
)


class BadArguments(Exception):
    """Why arguments cannot be used, in words for the model, which a card shows as well."""


def read_arguments(value: object, *, takes_none: bool = True) -> dict[str, Any]:
    """Return the arguments; an empty list is none, for a tool that `takes_none`. Raises BadArguments."""
    if value is None:
        return {}
    if not takes_none and (value == [] or (isinstance(value, str) and value.strip() == "[]")):
        raise BadArguments(_not_read("[]"))
    if is_object(value):
        return _clean(dict(as_object(value)))
    if is_list(value):
        items = as_list(value)
        if not items:
            return {}
        if len(items) == 1 and is_object(items[0]):
            return _clean(dict(as_object(items[0])))
    if not isinstance(value, str):
        raise BadArguments(_not_read(json.dumps(value, default=str)))
    if len(value) > MAX_ARGUMENT_BYTES:
        raise BadArguments(say("llm.arguments_too_large"))
    return _from_text(value)


def is_object_text(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _from_text(text: str) -> dict[str, Any]:
    bare = _LEADING_MARKS.sub("", text.replace("\ufeff", "").strip())
    for _ in range(_MAX_NESTED_TEXTS):
        if bare in {"", "null", "None", "[]", "()"}:
            return {}
        fenced = _FENCE.fullmatch(bare)
        bare = fenced[1] if fenced else bare
        value = _value(bare)
        if isinstance(value, str) and value.strip() != bare:
            bare = value.strip()
        elif is_object(value):
            return _clean(dict(as_object(value)))
        elif is_list(value):
            return read_arguments(as_list(value))
        else:
            break
    raise BadArguments(_not_read(text))


def _value(text: str) -> object:
    """Return the JSON value, or Python literal, that a text is; None when it is neither."""
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return _literal(text)
    rest = text[end:].strip()
    if not rest or _MARKS.fullmatch(rest):
        return value
    # A second copy of the same object says nothing new, nor does an empty one before it; a different one is doubt.
    try:
        again, second_end = _DECODER.raw_decode(rest)
    except (ValueError, RecursionError):
        return None
    return again if value in (again, {}) and not rest[second_end:].strip() else None


def _literal(text: str) -> object:
    if len(text) > _MAX_LITERAL or text[:1] not in {"{", "["}:
        return None
    try:
        value: object = ast.literal_eval(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def _clean(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments that can be sent on: names are texts, and no text holds half a character."""
    try:
        text = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadArguments(say("llm.arguments_no_object")) from error
    return dict(as_object(json.loads(_SURROGATE.sub("\ufffd", text))))


def _not_read(text: str) -> str:
    return say("llm.arguments_unreadable_begun", begun=text[:120]) if text else say("llm.arguments_unreadable")
