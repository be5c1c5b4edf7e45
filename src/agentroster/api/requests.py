"""What all routes share: who asks, the body, and errors in OpenAI's form."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from agentroster.errors import BadInput, InputInvalid, NotAllowed, RosterError, TooLarge, WrongMethod
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.open_requests import note_caller

_MOST_BYTES = 2_000_000
_FIRST_SERVER_ERROR = 500

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


async def person(connection: HTTPConnection, authenticator: Authenticator) -> Caller:
    """Return the person who asks. Raises Unauthenticated, and NotAllowed for a key that names nobody."""
    values = connection.headers.getlist("authorization")
    kind, _, key = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    caller = await authenticator.authenticate(key if kind.lower() == "bearer" else "", connection.headers.getlist)
    if not caller.is_person:
        raise NotAllowed("This needs a proven identity: ask with a key of your own.")
    note_caller(caller)
    return caller


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body. Raises BadInput or TooLarge."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise TooLarge(f"The request is larger than {_MOST_BYTES // 1_000_000} MB.")
    try:
        value: object = json.loads(body.decode()) if body else {}
    except (ValueError, RecursionError) as error:
        raise BadInput("The request body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadInput("The request body must be a JSON object.")
    return cast("dict[str, Any]", value)


def number_of(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a number of the query, at most `most`. Raises BadInput."""
    text = values.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12:  # noqa: PLR2004
        raise BadInput(f"`{name}` must be a number.")
    return min(int(text), most)


def answering(handler: Handler) -> Handler:
    """Return the handler with its errors as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RosterError as error:
            return failed(error)

    return answer


async def wrong_method(request: Request, _error: Exception) -> Response:
    """Return the refusal of a method, naming all that any route knows for this address."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    allowed = ", ".join(sorted({method for methods in matching for method in methods}))
    response = failed(WrongMethod(f"{request.method[:20]} is not possible here, but {allowed} is."))
    response.headers["allow"] = allowed
    return response


def failed(error: RosterError) -> JSONResponse:
    """Return an error in OpenAI's form; invalid input lists each complaint."""
    kind = "invalid_request_error" if error.status < _FIRST_SERVER_ERROR else "api_error"
    body: dict[str, object] = {"message": error.message, "type": kind, "param": None, "code": error.code}
    if isinstance(error, InputInvalid):
        body["errors"] = list(error.complaints)
    retry_after: str | None = getattr(error, "retry_after", None)
    return JSONResponse({"error": body}, error.status, {"retry-after": retry_after} if retry_after else None)
