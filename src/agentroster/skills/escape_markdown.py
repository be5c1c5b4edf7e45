"""Texts that strangers wrote, shown to a person: as words, not as markup."""

import re

_ACTIVE = re.compile(r"!(?=\[)|(?<=\])(?=[(\[:])|<(?=[a-zA-Z/!?])")


def escape_markdown(text: str) -> str:
    """Return Markdown in which images and links show as they are written: reading must not call a foreign host."""
    return _ACTIVE.sub(lambda match: {"!": "\\!", "<": "&lt;"}.get(match[0], "\\"), text)
