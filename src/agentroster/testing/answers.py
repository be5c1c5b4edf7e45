"""Canned answers of services, as a transport for httpx: nothing leaves the process."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import httpx

Responder: TypeAlias = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]
Answers: TypeAlias = Mapping[str, Any] | Responder | httpx.MockTransport
"""A function, a transport, or a table of address to answer.

An address is a path or a whole URL, with or without its query, perhaps after a method: `/user`, `POST /issues`. An
answer is a text, bytes, a status code, an `httpx.Response`, an exception to raise, or anything else as JSON.
"""


def responder_of(answers: Answers) -> Responder:
    """Return answers as a function."""
    if isinstance(answers, httpx.MockTransport):
        return answers.handler
    if callable(answers):
        return answers
    return lambda request: _looked_up(answers, request)


async def respond(responder: Responder, request: httpx.Request) -> httpx.Response:
    """Return what a responder answers, whether it is `async def` or not."""
    response = responder(request)
    return await response if inspect.isawaitable(response) else response


def _looked_up(table: Mapping[str, Any], request: httpx.Request) -> httpx.Response:
    url = request.url
    path = url.raw_path.decode()
    addresses = (str(url), str(url.copy_with(query=None)), path, url.path)
    for key in (*(f"{request.method} {address}" for address in addresses), *addresses):
        if key in table:
            return _response(table[key])
    return httpx.Response(404, text=f"The test has no answer for {request.method} {path}.")


def _response(value: object) -> httpx.Response:
    match value:
        case httpx.Response():
            # A response is read once.
            headers = [(name, text) for name, text in value.headers.items() if name != "content-length"]
            return httpx.Response(value.status_code, headers=headers, content=value.content)
        case Exception():
            raise value
        case bool() | None:
            return httpx.Response(200, json=value)
        case int():
            return httpx.Response(value)
        case str():
            return httpx.Response(200, text=value)
        case bytes():
            return httpx.Response(200, content=value)
        case _:
            return httpx.Response(200, json=cast("Any", value))
