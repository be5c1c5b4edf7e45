"""Makes the card a finished tool leaves in an answer for Open WebUI, and cuts it out of returning histories.

Form: Open WebUI 0.12, `<details type="tool_calls">`; it shows a closed card with input and result, red when failed.
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, cast

from agentroster.json_values import as_list
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.runs.chat import ToolFinished

_OPENINGS = ('<details type="tool_calls"', '<details type="reasoning"', '<details type="code_interpreter"')
_CLOSING = "</details>"
# Whole cards and quoted thinking: between two others, people's own words would be cut out with them.
_IN_THREAD = re.compile(
    r'\s{0,4}<details type="(?:tool_calls|reasoning)"[^\n<>]*>\n<summary>[^\n<>]*</summary>\n'
    r"(?:(?:>|&gt;)[^\n]*\n)*</details>\s{0,4}"
)
_MAX_RESULT = 4_000
_MAX_ARGUMENT, _MAX_ARGUMENTS = 500, 4_000


def tool_card(event: ToolFinished) -> str:
    """Return the card as text of the answer, with blank lines around it."""
    arguments = json.dumps({name: _short(value) for name, value in event.arguments.items()}, ensure_ascii=False)
    attributes = {
        "type": "tool_calls",
        "done": "true",
        "status": "failed" if event.failed else "completed",
        "id": event.call_id,
        "name": event.tool,
        "arguments": _cut(redactor.clean(arguments), _MAX_ARGUMENTS),
        "result": _cut(event.result, _MAX_RESULT),
    }
    # A line break in an attribute would end the opening line, by which a card is known.
    written = " ".join(f'{name}="{_attribute(value)}"' for name, value in attributes.items())
    return f"\n\n<details {written}>\n<summary>Tool Executed</summary>\n</details>\n\n"


def without_cards(messages: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return a conversation in which no assistant's text has a card; an answer that was nothing else is left out.

    Neither has the system's, where Open WebUI tells the thread of a channel, with what other people wrote. The last
    message stays, whatever it is.
    """
    kept = [_without_card(message) for message in messages]
    return [
        message
        for index, message in enumerate(kept)
        if message is messages[index] or _says_something(message) or index == len(kept) - 1
    ]


def _without_card(message: Mapping[str, object]) -> Mapping[str, object]:
    content = message.get("content")
    cut = _CUTS.get(str(message.get("role")))
    if cut is None:
        return message
    if isinstance(content, str):
        text = cut(content)
        return message if text is content else {**message, "content": text}
    if isinstance(content, list):
        given = cast("list[dict[str, Any]]", content)
        parts = [_part_without_card(part, cut) for part in given]
        return message if all(map(operator.is_, parts, given)) else {**message, "content": parts}
    return message


def _part_without_card(part: dict[str, Any], cut: Callable[[str], str]) -> dict[str, Any]:
    text = part.get("text")
    if not isinstance(text, str):
        return part
    clean = cut(text)
    return part if clean is text else {**part, "text": clean}


def _cut_cards(text: str) -> str:
    """Cut from each opening to its end; by searching, so that no text makes it slow."""
    if "<details type=" not in text:
        return text
    kept: list[str] = []
    position = 0
    while (start := _next_card(text, position)) != -1:
        end = text.find(_CLOSING, start)
        if end == -1:
            break
        kept.append(text[position:start].rstrip())
        position = end + len(_CLOSING)
    if not position:
        return text
    kept.append(text[position:])
    return "\n\n".join(part.strip("\n") for part in kept if part.strip())


def _cut_cards_of_thread(text: str) -> str:
    return _IN_THREAD.sub("\n\n", text) if "<details type=" in text else text


_CUTS = {"assistant": _cut_cards, "system": _cut_cards_of_thread}


def _next_card(text: str, position: int) -> int:
    # One search: three would each run to the end of the text for every card.
    while (start := text.find("<details type=", position)) != -1:
        if text.startswith(_OPENINGS, start):
            return start
        position = start + 1
    return -1


def _says_something(message: Mapping[str, object]) -> bool:
    content = message.get("content")
    if message.get("tool_calls") or isinstance(content, str):
        return bool(message.get("tool_calls") or content)
    return any(part.get("text") or part.get("type") not in {"text", "output_text"} for part in as_list(content))


def _short(value: object) -> object:
    if isinstance(value, str):
        return _cut(value, _MAX_ARGUMENT)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= _MAX_ARGUMENT else _cut(text, _MAX_ARGUMENT)


def _cut(text: str, max_length: int) -> str:
    left_out = len(text) - max_length
    return text if left_out <= 0 else say("runs.shortened", text=text[:max_length], left_out=left_out)


def _attribute(value: str) -> str:
    return escape(value).replace("\r", "").replace("\n", "&#10;")
