"""Describes where a language model is served, without secrets, and why it cannot be reached."""

from typing import cast

import httpx


def address_of(base_url: str) -> str:
    """Return scheme, host and port of an address, without what may be secret: user, path, query."""
    url = httpx.URL(base_url)
    return str(url.copy_with(username="", password="", raw_path=b"")).rstrip("/")


def cause_of(error: Exception) -> str:
    """Return what the operating system said, in one line: httpx puts its own words around it."""
    cause: BaseException = error
    while isinstance(cause.__cause__ or cause.__context__, Exception):
        cause = cast("BaseException", cause.__cause__ or cause.__context__)
    return " ".join(str(cause).split()) or type(cause).__name__
