"""Finds the one JSON object in a model's text: no guessing, no repair, linear time."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from agentroster.errors import BadAnswer
from agentroster.messages import say

_THINKING_ENDS = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_THINKING_BEGINS = re.compile(r"\s*<think(?:ing)?>", re.IGNORECASE)
_FENCE_BEGINS = re.compile(r"```[\w-]{0,20}[ \t]*\n?")
# Whatever follows a backslash is one mark with it: an escaped quote ends no string.
_MARKS = re.compile(r'[{}"]|\\.', re.DOTALL)


def object_in(text: str) -> dict[str, Any]:
    """Return the first JSON object of an answer. Raises BadAnswer, saying what the answer is instead."""
    text = _without_fence(_without_thinking(text).strip())
    if not text:
        raise BadAnswer(say("llm.answer_empty"))
    value = _parsed(text)
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    if value is not _NOT_JSON:
        raise BadAnswer(_no_object(value))
    return _first_object(text)


def _without_thinking(text: str) -> str:
    """Return what follows the last end of thinking; nothing when thinking began and never ended."""
    ends = [match.end() for match in _THINKING_ENDS.finditer(text)]
    if ends:
        return text[ends[-1] :]
    return "" if _THINKING_BEGINS.match(text) else text


def _without_fence(text: str) -> str:
    """Return the inside of a code fence that the whole text stands in."""
    begin = _FENCE_BEGINS.match(text)
    return text[begin.end() :].removesuffix("```").strip() if begin else text


def _first_object(text: str) -> dict[str, Any]:
    for start, end in _balanced(text):
        value = _parsed(text[start:end])
        if not isinstance(value, dict):
            # Braces of the prose before the object.
            continue
        if text[max(0, start - 100) : start].rstrip().endswith("["):
            raise BadAnswer(say("llm.answer_is_list"))
        return cast("dict[str, Any]", value)
    raise BadAnswer(say("llm.answer_without_object"))


def _balanced(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each outermost `{...}` begins and ends. Raises BadAnswer when one does not end."""
    start = depth = 0
    in_string = False
    for match in _MARKS.finditer(text):
        mark = match[0]
        if mark == '"':
            # Quotes in the prose around an object mean nothing.
            in_string = depth > 0 and not in_string
        elif in_string or mark[0] == "\\":
            continue
        elif mark == "{":
            start = start if depth else match.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield start, match.end()
    if depth:
        # What is inside an unfinished object is half an answer.
        raise BadAnswer(say("llm.answer_breaks_off"))


_NOT_JSON = object()


def _parsed(text: str) -> object:
    """Return the value that a text is, or _NOT_JSON."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
        # Half a surrogate pair is valid JSON, but no text that anybody could write down.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return _NOT_JSON
    return value


def _refuse(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _no_object(value: object) -> str:
    match value:
        case None:
            return say("llm.answer_is_null")
        case list():
            return say("llm.answer_is_list")
        case str():
            return say("llm.answer_is_text")
        case _:
            return say("llm.answer_is_value")
