"""Writes the events of a streamed response, and the response itself, as OpenAI's Responses interface does."""

from typing import Any, cast
from uuid import uuid4

from agentroster.json_values import is_object

_TEXT, _THOUGHT = "response.output_text.delta", "response.reasoning_summary_text.delta"


class ResponseEvents:
    """Follows one answer; `model` is the name that was asked for."""

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._number = 0
        self._said: dict[str, list[str]] = {}
        self._items: list[dict[str, Any]] = []
        self._begun: dict[str, Any] = {}

    def rewritten(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an event or a whole response with the asked name, a number, and what was said before a failure."""
        if value.get("object") == "response":
            return self._named(value)
        if not isinstance(value.get("type"), str):
            return value
        self._follow(value)
        response = value.get("response")
        changed = {name: inner for name, inner in value.items() if name != "model"}
        if isinstance(response, dict):
            self._begun = self._begun or cast("dict[str, Any]", response)
            changed["response"] = self._ended(self._named(cast("dict[str, Any]", response)))
        # LiteLLM numbers some events only.
        changed["sequence_number"] = self._number
        self._number += 1
        return changed

    def _named(self, response: dict[str, Any]) -> dict[str, Any]:
        return {**response, "model": self._model} if self._model else response

    def _follow(self, event: dict[str, Any]) -> None:
        if event["type"] in {_TEXT, _THOUGHT}:
            self._said.setdefault(str(event.get("item_id")), []).append(str(event.get("delta") or ""))
        elif event["type"] == "response.output_item.added" and isinstance(event.get("item"), dict):
            self._items.append(event["item"])

    def _ended(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return a response that failed with all the fields that it began with, and with what was said."""
        if response.get("status") != "failed" or response.get("output"):
            return response
        output = [item for item in map(self._unfinished, self._items) if item]
        return {**self._begun, **response, "output": output, "error": _known_code(response.get("error"))}

    def _unfinished(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return an output item with what was said of it, empty for one of which nothing was."""
        text = "".join(self._said.get(str(item.get("id")), ()))
        if not text:
            return {}
        if item.get("type") == "message":
            content: list[dict[str, Any]] = [{"type": "output_text", "text": text, "annotations": []}]
            return {**item, "status": "incomplete", "content": content}
        summary = [{"type": "summary_text", "text": text}]
        return {**item, "id": item.get("id") or f"rs_{uuid4().hex}", "summary": summary}


def _known_code(error: object) -> object:
    """Return the error of a failed response with one of OpenAI's codes: typed clients know no others."""
    if not is_object(error):
        return error
    is_limit = "rate_limit" in str(error.get("code"))
    return {**error, "code": "rate_limit_exceeded" if is_limit else "server_error"}
