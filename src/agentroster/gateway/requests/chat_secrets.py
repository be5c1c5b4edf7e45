"""Removes secrets from messages: a token pasted in a chat, and the tickets in connect links.

Clients send the whole conversation with every message, and LiteLLM hands it to callbacks and models. So both are cut
out of every text of every request; a token is kept beside it when the last message is exactly that command.
"""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from agentroster.json_values import is_list, is_object
from agentroster.runs.chat import PastedToken

_MASK = "***"
_TICKET = re.compile(r"(/roster/connect/)[A-Za-z0-9_-]{20,}")
_HINT = re.compile(r"/token|/roster/connect/", re.IGNORECASE)
# Long, and no text that anybody wrote.
_SKIPPED = frozenset({"image_url", "file", "file_data", "data", "input_audio", "source"})


class ChatSecrets:
    """Knows the names of accounts; nothing but `/token` and one of them is ever taken for a token."""

    def __init__(self, providers: Sequence[str]) -> None:
        names = "|".join(map(re.escape, sorted(providers, key=len, reverse=True))) or "(?!)"
        self._command = re.compile(rf"/token\s+({names})\s+(\S.*)", re.IGNORECASE | re.DOTALL)
        self._anywhere = re.compile(rf"(/token\s+(?:{names}))\b\s+\S[^\n]*", re.IGNORECASE)

    def cut(self, body: dict[str, Any]) -> tuple[dict[str, Any], PastedToken | None]:
        """Return the body without tokens and tickets, the same object where there are none; and the command."""
        clean = cast("dict[str, Any]", _mapped(body, self._cut_text))
        if clean is body:
            return body, None
        match = self._command.fullmatch(_last_text(body).strip())
        return clean, PastedToken(match[1].lower(), match[2]) if match else None

    def _cut_text(self, text: str) -> str:
        if not _HINT.search(text):
            return text
        text = _TICKET.sub(rf"\1{_MASK}", text)
        whole = self._command.fullmatch(text.strip())
        if whole:
            # A token may have line breaks, so nothing of the message stays.
            return f"/token {whole[1].lower()} {_MASK}"
        return self._anywhere.sub(rf"\1 {_MASK}", text)


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """Return the value with every text changed; the same object where nothing was."""
    if isinstance(value, str):
        changed = change(value)
        return value if changed == value else changed
    if is_list(value):
        items = [_mapped(item, change) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    if is_object(value):
        fields = {name: item if name in _SKIPPED else _mapped(item, change) for name, item in value.items()}
        return value if all(map(operator.is_, fields.values(), value.values())) else fields
    return value


def _last_text(body: dict[str, Any]) -> str:
    """Return the text of the last message when a user wrote it, in whatever field the endpoint has it."""
    last: object = body.get("messages") or body.get("input") or body.get("prompt")
    while is_list(last) and last:
        last = last[-1]
        if is_object(last):
            if last.get("role") not in ("user", None):
                return ""
            last = last.get("content", last.get("text"))
    return last if isinstance(last, str) else ""
