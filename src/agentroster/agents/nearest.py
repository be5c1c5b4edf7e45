"""Finds the known name that was probably meant by an unknown one."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `: did you mean "...?"`, or an empty text where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f': did you mean "{close[0]}"?' if close else ""
