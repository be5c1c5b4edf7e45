"""Turns any error into what its client reads: one table, for every door.

Sources: OpenAI's and Anthropic's API references, "Errors" and "Streaming".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import JSONResponse

from agentroster.errors import InputInvalid, RosterError, WrongMethod
from agentroster.messages import say

_OPENAI_TYPES = {403: "permission_error", 429: "rate_limit_error"}
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


class Unexpected(RosterError):
    """An error that nobody foresaw; what it was is in the log only."""

    def __init__(self) -> None:
        super().__init__(say("web.unexpected"))


@dataclass(frozen=True, slots=True)
class PublicError:
    """An error as clients get it; `errors` are those of an input that does not fit its schema."""

    status: int
    message: str
    code: str
    param: str | None = None
    errors: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def type(self) -> str:
        """OpenAI's type of an error with this status."""
        return _OPENAI_TYPES.get(self.status, _default_type(self.status))

    @property
    def body(self) -> dict[str, object]:
        """What stands under `error` in OpenAI's form."""
        body: dict[str, object] = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return body | ({"errors": list(self.errors)} if self.errors else {})


def public_error(error: BaseException) -> PublicError:
    """Return the public form of an error; an unexpected one becomes `Unexpected`."""
    known = error if isinstance(error, RosterError) else Unexpected()
    status = known.status if known.status >= HTTPStatus.BAD_REQUEST else HTTPStatus.INTERNAL_SERVER_ERROR
    headers: dict[str, str] = {}
    retry_after: object = getattr(known, "retry_after", None)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if isinstance(known, WrongMethod) and known.allow:
        headers["allow"] = known.allow
    errors = known.errors if isinstance(known, InputInvalid) else ()
    return PublicError(int(status), known.message, known.code, known.param, errors, headers)


def error_response(error: BaseException, *, closes: bool = False) -> JSONResponse:
    """Return an error in OpenAI's form. `closes` ends the connection: for a request whose body was not read."""
    known = public_error(error)
    headers = {**known.headers} | ({"connection": "close"} if closes else {})
    return JSONResponse({"error": known.body}, known.status, headers)


def is_anthropic(path: str) -> bool:
    """Whether a path belongs to Anthropic's interface."""
    return path in _ANTHROPIC_PATHS


def anthropic_error(status: int, message: str, request_id: str | None = None) -> dict[str, object]:
    """Return the whole body of an error in Anthropic's form."""
    kind = _ANTHROPIC_TYPES.get(status, _default_type(status))
    body: dict[str, object] = {"type": "error", "error": {"type": kind, "message": message}}
    return body | ({"request_id": request_id} if request_id else {})


def new_request_id() -> str:
    """Return a name for one request, as Anthropic's clients show it."""
    return f"req_{uuid4().hex[:24]}"


def last_frames(path: str, failure: BaseException) -> bytes:
    """Return an error in the middle of a stream, and the stream's end, in the form of the interface at this path."""
    known = public_error(failure)
    status, error = known.status, known.body
    name = path.removeprefix("/v1").strip("/")
    if name == "messages":
        return _event("error", anthropic_error(status, str(error["message"])))
    if name == "responses":
        told = {"type": "error", "code": error["code"], "message": error["message"], "param": None}
        return _event("error", told | {"sequence_number": 0}) + b"data: [DONE]\n\n"
    return f"data: {json.dumps({'error': error})}\n\ndata: [DONE]\n\n".encode()


def _default_type(status: int) -> str:
    return "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"


def _event(name: str, data: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
