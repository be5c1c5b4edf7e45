"""Escapes texts that strangers wrote: a person reads words, not markup."""

import re

_ACTIVE = re.compile(r"!(?=\[)|(?<=\])(?=[(\[:])|<(?=[a-zA-Z/!?])")


def escape_markdown(text: str) -> str:
    """Return Markdown in which images and links show as they are written: reading must not call a foreign host."""
    return _ACTIVE.sub(lambda match: {"!": "\\!", "<": "&lt;"}.get(match[0], "\\"), text)
