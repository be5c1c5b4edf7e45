"""What all routes share: the caller, the body, errors in OpenAI's form."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from agentroster.errors import BadInput, NotAllowed, RosterError, WrongMethod
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.identity.open_requests import note_caller
from agentroster.web.error_forms import Unexpected, error_response
from agentroster.web.request_body import BodyLimits, parsed, read_body

_LIMITS = BodyLimits(max_bytes=2_000_000, timeout=60.0)

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


async def person(connection: HTTPConnection, authenticator: Authenticator) -> Caller:
    """Return the person who asks. Raises Unauthenticated, and NotAllowed for a key that names nobody."""
    address = connection.client.host if connection.client else ""
    caller = await authenticator.admit(connection.headers.raw, address)
    if not caller.is_person:
        raise NotAllowed("This needs a proven identity: ask with a key of your own.")
    note_caller(caller)
    return caller


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body, empty for none. Raises BadInput, TooLarge or TooSlow."""
    raw = await read_body(request.receive, _LIMITS)
    return (await parsed(raw))[0] if raw else {}


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
            return error_response(error)

    return answer


async def wrong_method(request: Request, _error: Exception) -> Response:
    """Return the refusal of a method, naming all that any route knows for this address."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    allowed = ", ".join(sorted({method for methods in matching for method in methods}))
    response = error_response(WrongMethod(f"{request.method[:20]} is not possible here, but {allowed} is."))
    response.headers["allow"] = allowed
    return response


async def unexpected(_request: Request, _error: Exception) -> Response:
    """Return what a route answers after an exception that nobody foresaw, which is raised again for the log."""
    return error_response(Unexpected())
