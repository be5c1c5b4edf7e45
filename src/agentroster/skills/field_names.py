"""Names the fields of a report in people's words: `base_model` is "Base model"."""

import re
from collections.abc import Callable, Mapping

from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown

_WORDS: Mapping[str, Callable[[], str]] = {
    "base_model": lambda: say("skills.field_base_model"),
    "civitai.description": lambda: say("skills.field_short_text"),
    "civitai.trainedWords": lambda: say("skills.field_words"),
    "hf_url": lambda: say("skills.field_address"),
    "modelDescription": lambda: say("skills.field_text"),
    "preview_url": lambda: say("skills.field_preview"),
    "tags": lambda: say("skills.field_tags"),
    "trainedWords": lambda: say("skills.field_words"),
}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MAX_NAME = 60


def field_name(name: str) -> str:
    """Return the words for a field; one that has none of its own is written with blanks and a capital."""
    known = _WORDS.get(name)
    if known is not None:
        return known()
    words = " ".join(_HUMP.sub(" ", name).replace("_", " ").replace(".", " ").split())
    # Only as a whole: in "SHA256" or "URL" the capitals are the name.
    plain = words if words.isupper() else words[:1].upper() + words[1:]
    return escape_markdown(plain[:_MAX_NAME])


def in_words(text: str) -> str:
    """Return a note in which a list of fields names them in people's words."""
    return ", ".join(_WORDS[part]() if part in _WORDS else part for part in text.split(", "))
