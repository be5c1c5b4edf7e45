"""Reads a request's body within bounds of size and time, and parses it within bounds of values and depth."""

import asyncio
import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from starlette.types import Receive

from agentroster.errors import BadInput, TooLarge, TooSlow
from agentroster.messages import say
from agentroster.net.limited_body import LimitedBody, OverLimit

LARGE_BYTES = 100_000
"""From this size on a body is parsed in a thread, and takes one of its caller's places."""

_MAX_VALUES = 200_000
_MAX_DEPTH = 100
_CONTAINERS: tuple[type, ...] = (dict, list)
_MAX_WAITS = 20
_SECOND_LOOK_SECONDS = 0.25
_STRUCTURE = (b",", b"[", b"{")
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Largest size in bytes, and seconds without progress."""

    max_bytes: int
    timeout: float


def declared_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return what `content-length` says, None when there is none (the size shows as chunks arrive)."""
    value = next((value for name, value in headers if name == b"content-length"), None)
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else None  # noqa: PLR2004


def check_size(size: int, limits: BodyLimits) -> None:
    """Raise TooLarge for a size over the limit."""
    if size > limits.max_bytes:
        raise too_large(limits)


def too_large(limits: BodyLimits) -> TooLarge:
    """Return the error of a body over the limit."""
    return TooLarge(say("body.too_large", megabytes=limits.max_bytes / 1e6))


async def read_body(receive: Receive, limits: BodyLimits, body: LimitedBody | None = None) -> bytes:
    """Read to the end. Raises TooLarge, TooSlow, and BadInput when the client goes away before.

    `body` gathers it where it is not simply too large from a size on.
    """
    body = LimitedBody(limits.max_bytes) if body is None else body
    begun = asyncio.get_running_loop().time()
    while True:
        message = await _next(receive, limits.timeout)
        if message["type"] == "http.disconnect":
            raise BadInput(say("body.ended_early"))
        try:
            body.add(message.get("body", b""))
            if not message.get("more_body"):
                body.close()
                return bytes(body.data)
        except OverLimit:
            raise too_large(limits) from None
        if asyncio.get_running_loop().time() - begun > limits.timeout * _MAX_WAITS:
            raise TooSlow(say("body.took_too_long"))


async def _next(receive: Receive, timeout: float) -> Any:  # noqa: ASYNC109 - of one chunk
    # The second look is for a chunk that waits in the socket after a pause of the whole process.
    for seconds in (timeout, _SECOND_LOOK_SECONDS):
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await receive()
    raise TooSlow(say("body.stalled", seconds=timeout))


async def parsed(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Parse as `parsed_object` does, a large body in a thread."""
    return parsed_object(raw) if len(raw) < LARGE_BYTES else await asyncio.to_thread(parsed_object, raw)


def parsed_object(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the JSON object of a body, and the bytes that say the same.

    They differ from `raw` where a text held half of a character (a lone surrogate), which nobody behind us could
    encode: it becomes a question mark. Raises BadInput, and TooLarge for more values than anybody means.
    """
    if sum(map(raw.count, _STRUCTURE)) > _MAX_VALUES and _has_more_values(raw):
        raise TooLarge(say("body.too_many_values", most=_MAX_VALUES))
    try:
        text = raw.decode()
        value: object = _DECODER.decode(text)
        if _HALF_CHARACTER.search(raw):
            raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput(say("body.no_json")) from error
    if not isinstance(value, dict):
        raise BadInput(say("body.no_object"))
    # Only a body with that many brackets can be that deep.
    if raw.count(b"[") + raw.count(b"{") > _MAX_DEPTH:
        _check_depth(cast("object", value))
    return cast("dict[str, Any]", value), raw


def _has_more_values(raw: bytes) -> bool:
    """Count outside of texts: prose has commas too. Ends early, and other threads get their turn in between."""
    count, end = 0, 0
    for match in _TEXT.finditer(raw):
        count += sum(raw.count(sign, end, match.start()) for sign in _STRUCTURE)
        end = match.end()
        if count > _MAX_VALUES:
            return True
    return count + sum(raw.count(sign, end) for sign in _STRUCTURE) > _MAX_VALUES


def _check_depth(value: object) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise BadInput(say("body.too_deep", most=_MAX_DEPTH))
        level = [inner for outer in level for inner in _inside(outer)]


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        values = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        values = cast("list[object]", value)
    else:
        return ()
    return (inner for inner in values if isinstance(inner, _CONTAINERS))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _no_constant(text: str) -> NoReturn:
    # Python reads NaN and Infinity, which are no JSON and break whoever writes them again.
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
