"""What all routes share: the caller, the body, and errors in OpenAI's form."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from agentroster.errors import BadInput, NotAllowed, RosterError, WrongMethod
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.identity.open_requests import note_caller
from agentroster.messages import say
from agentroster.web.error_forms import Unexpected, error_response
from agentroster.web.request_body import BodyLimits, parsed, read_body

_LIMITS = BodyLimits(max_bytes=2_000_000, timeout=60.0)

Handler: TypeAlias = Callable[[Request, Caller], Awaitable[Response]]


async def person(connection: HTTPConnection, authenticator: Authenticator) -> Caller:
    """Return the person who asks. Raises Unauthenticated, and NotAllowed for a key that names nobody."""
    address = connection.client.host if connection.client else ""
    caller = await authenticator.admit(connection.headers.raw, address)
    if not caller.is_person:
        raise NotAllowed(say("web.person_needed"))
    note_caller(caller)
    return caller


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body, empty for none. Raises BadInput, TooLarge or TooSlow."""
    raw = await read_body(request.receive, _LIMITS)
    return (await parsed(raw))[0] if raw else {}


def number_of(values: Mapping[str, str], name: str, default: int, limit: int) -> int:
    """Return a number of the query, at most `limit`. Raises BadInput."""
    text = values.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 12:  # noqa: PLR2004
        raise BadInput(say("web.not_a_number", name=name))
    return min(int(text), limit)


def answering(handler: Handler, authenticator: Authenticator) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a handler: it is given the person who asks, and its errors are answered as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request, await person(request, authenticator))
        except RosterError as error:
            return error_response(error)

    return answer


async def wrong_method(request: Request, _error: Exception) -> Response:
    """Return the refusal of a method, naming all that any route knows for this address."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route.methods or () for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    allowed = ", ".join(sorted({method for methods in matching for method in methods}))
    refusal = say("web.method_not_possible", method=request.method[:20], allowed=allowed)
    return error_response(WrongMethod(refusal, allow=allowed))


async def unexpected(_request: Request, _error: Exception) -> Response:
    """Return the answer after an exception that nobody foresaw; Starlette raises it again for the log."""
    return error_response(Unexpected())
