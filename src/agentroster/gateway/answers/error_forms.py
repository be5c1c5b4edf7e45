"""Errors in the words of the interface that was asked: OpenAI's, and Anthropic's for `/v1/messages`.

Sources: both API references, "Errors" and "Streaming".
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

_ANTHROPIC_PATHS = frozenset({"/messages", "/v1/messages", "/v1/messages/count_tokens"})
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def is_anthropic(path: str) -> bool:
    """Whether a path belongs to Anthropic's interface."""
    return path in _ANTHROPIC_PATHS


def anthropic_type(status: int) -> str:
    """Return Anthropic's type of an error with this status."""
    default = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
    return _ANTHROPIC_TYPES.get(status, default)


def anthropic_error(status: int, message: str, request_id: str | None = None) -> dict[str, object]:
    """Return the whole body of an error."""
    body: dict[str, object] = {"type": "error", "error": {"type": anthropic_type(status), "message": message}}
    return body | ({"request_id": request_id} if request_id else {})


def new_request_id() -> str:
    """Return a name for one request, as Anthropic's clients show it."""
    return f"req_{uuid4().hex[:24]}"


def last_frames(path: str, status: int, error: Mapping[str, object]) -> bytes:
    """Return an error in the middle of a stream, and the stream's end. `error` is OpenAI's error object."""
    name = path.removeprefix("/v1").strip("/")
    if name == "messages":
        return _event("error", anthropic_error(status, str(error["message"])))
    if name == "responses":
        told = {"type": "error", "code": error["code"], "message": error["message"], "param": None}
        return _event("error", told | {"sequence_number": 0}) + b"data: [DONE]\n\n"
    return f"data: {json.dumps({'error': error})}\n\ndata: [DONE]\n\n".encode()


def _event(name: str, data: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
