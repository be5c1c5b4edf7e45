"""Makes the card a finished tool leaves in an answer for Open WebUI, and reads it when a history brings it back.

Form: Open WebUI 0.12, `<details type="tool_calls">`; it shows a closed card with input and result, red when failed.
"""

import json
import re
from dataclasses import dataclass
from html import escape, unescape

from agentroster.json_values import is_object
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.runs.chat import ToolFinished

# As `tool_card` writes it, to the letter: whatever else looks like a card is none of ours.
_CARD = re.compile(
    r'<details type="tool_calls" done="true" status="(?:completed|failed)" id="([^"\n]*)" name="([^"\n]*)"'
    r' arguments="([^"\n]*)" result="([^"\n]*)">\n<summary>[^\n<>]*</summary>\n</details>'
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_RESULT = 4_000
_MAX_ARGUMENT, _MAX_ARGUMENTS = 500, 4_000


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card that came back: `arguments` is the text of a JSON object."""

    call_id: str
    tool: str
    arguments: str
    result: str


def tool_card(event: ToolFinished) -> str:
    """Return the card as text of the answer, with blank lines around it."""
    arguments = json.dumps({name: _short(value) for name, value in event.arguments.items()}, ensure_ascii=False)
    attributes = {
        "type": "tool_calls",
        "done": "true",
        "status": "failed" if event.failed else "completed",
        "id": event.call_id,
        "name": event.tool,
        "arguments": shortened(redactor.clean(arguments), _MAX_ARGUMENTS),
        "result": shortened(event.result, _MAX_RESULT),
    }
    # A line break in an attribute would end the opening line, by which a card is known.
    written = " ".join(f'{name}="{_attribute(value)}"' for name, value in attributes.items())
    return f"\n\n<details {written}>\n<summary>Tool Executed</summary>\n</details>\n\n"


def read_card(text: str, start: int) -> ReadCard | None:
    """Return the card that begins here, or None for anything but a whole one of ours."""
    found = _CARD.match(text, start)
    if found is None or not all(map(_NAME.fullmatch, map(unescape, found.group(1, 2)))):
        return None
    call_id, tool, arguments, result = map(unescape, found.groups())
    return ReadCard(call_id, tool, arguments if _is_object(arguments) else "{}", result)


def _is_object(text: str) -> bool:
    try:
        # Cut ones are none any more.
        return is_object(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _short(value: object) -> object:
    if isinstance(value, str):
        return shortened(value, _MAX_ARGUMENT)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= _MAX_ARGUMENT else shortened(text, _MAX_ARGUMENT)


def shortened(text: str, max_length: int) -> str:
    """Return the beginning of a text, and how much of it is left out."""
    left_out = len(text) - max_length
    return text if left_out <= 0 else say("runs.shortened", text=text[:max_length], left_out=left_out)


def _attribute(value: str) -> str:
    return escape(value).replace("\r", "").replace("\n", "&#10;")
