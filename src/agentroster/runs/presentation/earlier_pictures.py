"""Leaves old pictures out of a history, with a word in their place."""

import re
from collections.abc import Mapping, Sequence

from agentroster.json_values import as_list, as_object, is_list
from agentroster.messages import say

_MAX_PICTURES, _MAX_CHARACTERS = 8, 8_000_000
"""Of the messages before the last one, the newest count."""

# What is left of a picture that would have made the request too large.
_NO_DATA = ";base64,"
_DATA = re.compile(
    r"!\[([^\[\]\n]{0,500})\]\(data:image/[^()\s]*\)|data:image/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/=_-]{200,}"
)


def without_picture_data(text: str) -> str:
    """Return a text without the data of pictures: no model reads it there."""
    return _DATA.sub(say("runs.picture_left_out"), text) if "data:image/" in text else text


def with_few_pictures(messages: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return a conversation whose earlier messages have only their newest pictures; those of the last one all stay.

    Only pictures that come as data count: an address costs nothing.
    """
    room, places = _MAX_CHARACTERS, _MAX_PICTURES
    made: list[Mapping[str, object]] = [messages[-1]]
    for message in reversed(messages[:-1]):
        content = message.get("content")
        if not is_list(content) or not any(map(_data_of, as_list(content))):
            made.append(message)
            continue
        parts: list[object] = []
        for part in reversed(as_list(content)):
            data = _data_of(part)
            room, places = room - len(data), places - bool(data)
            is_kept = not data or (room >= 0 and places >= 0 and not data.endswith(_NO_DATA))
            parts.append(part if is_kept else {"type": "text", "text": say("runs.picture_left_out")})
        made.append({**message, "content": parts[::-1]})
    return made[::-1]


def _data_of(part: object) -> str:
    url = as_object(as_object(part).get("image_url")).get("url")
    return url if isinstance(url, str) and url.startswith("data:") else ""
