"""Errors as OpenAI's clients read them."""

from starlette.responses import JSONResponse

from agentroster.errors import InputInvalid, RosterError, WrongMethod

_FIRST_SERVER_ERROR, _TOO_MANY = 500, 429


class Unexpected(RosterError):
    """Something failed that nobody foresaw; what it was is in the log only."""

    def __init__(self) -> None:
        super().__init__("The proxy failed to answer this request; the operator finds why in the log.")


def error_response(error: RosterError, *, closes: bool = False) -> JSONResponse:
    """Return an error in OpenAI's form; invalid input lists each complaint.

    `closes` ends the connection: for a request whose body was not read.
    """
    body = {**error_object(error)}
    if isinstance(error, InputInvalid):
        body["errors"] = list(error.complaints)
    headers = {"connection": "close"} if closes else {}
    retry_after: object = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if isinstance(error, WrongMethod) and error.allow:
        headers["allow"] = error.allow
    return JSONResponse({"error": body}, error.status, headers)


def error_object(error: RosterError) -> dict[str, object]:
    """Return what stands under `error`."""
    kind = "invalid_request_error" if error.status < _FIRST_SERVER_ERROR else "api_error"
    if error.status == _TOO_MANY:
        kind = "rate_limit_error"
    return {"message": error.message, "type": kind, "param": error.param, "code": error.code}
