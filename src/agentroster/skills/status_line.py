"""What a person reads while a tool works: one line, such as `Searching GitHub: is:open label:bug`."""

import re
from collections.abc import Mapping
from typing import cast

from agentroster.json_values import is_list
from agentroster.messages import say

_PLACE = re.compile(r"\{(\w+)\}")
_MAX_VALUE = 80
_MAX_VALUES = 3


def unknown_places(template: str, parameters: Mapping[str, object]) -> list[str]:
    """Return the `{names}` of a template that are no parameters."""
    known = cast("Mapping[str, object]", parameters.get("properties") or {})
    return [name for name in _PLACE.findall(template) if name not in known]


def status_line(template: str, arguments: Mapping[str, object]) -> str:
    """Fill a template with arguments; it ends before the first one that was not given."""
    line, end = "", 0
    for match in _PLACE.finditer(template):
        line += template[end : match.start()]
        value = _shown(arguments.get(match[1]))
        if not value:
            return line.rstrip(" :,-")
        line += value
        end = match.end()
    return line + template[end:]


def plain_line(tool: str, arguments: Mapping[str, object]) -> str:
    """Return the line of a tool that has no template: its name in words, and its first text."""
    words = tool.replace("_", " ").replace("-", " ").strip().capitalize()
    first = next((text for value in arguments.values() if isinstance(value, str) and (text := _shown(value))), "")
    return f"{words}: {first}" if first else words


def _shown(value: object) -> str:
    if is_list(value):
        shown, more = ", ".join(map(_shown, value[:_MAX_VALUES])), len(value) - _MAX_VALUES
        return say("skills.and_more", values=shown, more=more) if more > 0 else shown
    if not isinstance(value, str | int | float):
        return ""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}..."
