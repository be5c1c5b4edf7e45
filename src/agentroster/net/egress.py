"""Bounds what a skill may reach: named hosts only, each redirect checked again, size and time capped."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import httpx

from agentroster.errors import NotAllowed, Unreachable
from agentroster.messages import say
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.limited_body import LimitedBody, OverLimit
from agentroster.net.origin import Origin
from agentroster.net.rate_limits import LimitedRequest, OnWait, RateLimits
from agentroster.net.redirects import NO_REDIRECTS, Redirects

__all__ = ["Egress", "Fetched", "Origin"]

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ALWAYS = {"accept-encoding": "identity"}
# They say which host is meant, or how the message is framed: that is decided by the address and the client.
_STEERING = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "forwarded", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-forwarded-host",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete answer of at most the permitted size."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    """Where it came from, in the end."""


@dataclass(frozen=True, slots=True)
class _Send:
    """One request, as it is sent once or again."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    max_bytes: int
    seconds: float
    truncate: bool = False


class Egress:
    """A way out: only the hosts that are declared (`name`, or `name:port`), plus origins the operator configured.

    The client beneath refuses private addresses when it connects (`net/dial.py`).

    `credentials` holds the headers that prove who asks, for each origin: they are added here, so that a skill never
    sees them, and go to no other origin, also not along a redirect.
    """

    def __init__(  # noqa: PLR0913 - each is a bound of its own
        self,
        client: httpx.AsyncClient,
        hosts: Sequence[str] = (),
        *,
        trusted: Sequence[Origin] = (),
        credentials: Mapping[Origin, Mapping[str, str]] | None = None,
        permits: Callable[[str], bool] | None = None,
        slots: ConcurrencyLimiter | None = None,
        redirects: Redirects = NO_REDIRECTS,
        limits: RateLimits | None = None,
    ) -> None:
        """`permits` may refuse an address, of each hop, for more than its origin.

        `slots` bounds the requests to one host at a time; what a redirect leads to counts for where it began.
        `redirects` says who may lead to other hosts, and `limits` waits for servers that ask to be asked less often.
        """
        self._client = client
        self._declared = frozenset(Origin.of(f"https://{host}") for host in hosts)
        self._hosts = frozenset(origin.host for origin in self._declared)
        self._trusted = frozenset(trusted)
        self._credentials = dict(credentials or {})
        self._permits = permits
        self._slots = slots
        self._redirects = redirects
        self._limits = limits

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        seconds: float = 30.0,
        truncate: bool = False,
        on_wait: OnWait | None = None,
        etag: str = "",
    ) -> Fetched:
        """Fetch a URL, following at most 5 permitted redirects, and again after a wait that the server asks for.

        With `truncate` a body that is too long is cut. `on_wait` is told of each wait, which `seconds` do not count.
        With an `etag` the answer may be 304: what was fetched with it is still right (RFC 9110, section 13.1.2).

        Raises NotAllowed for a host that is not permitted, and Unreachable, in words, when there is no
        complete answer in time.
        """
        headers = {"if-none-match": etag} if etag else {}
        send = _Send("GET", url, headers, None, max_bytes, seconds, truncate)
        limited = self._limits.request(url, on_wait) if self._limits is not None else None
        if limited is None:
            return await self._sent(send)
        hops = 0
        while True:
            try:
                async with limited.turn():
                    fetched = await self._sent(send, limited)
            except Unreachable:
                if not limited.is_to_be_tried_again():
                    raise
                continue
            if fetched.status in _REDIRECTS and "location" in fetched.headers:
                # Within one server each step counts for its limits, and waits for its own turn.
                if (hops := hops + 1) > _MAX_REDIRECTS:
                    raise Unreachable(say("net.redirects_too_often", host=Origin.of(url).host))
                send = replace(send, url=_joined(send.url, fetched.headers["location"]))
            elif not await limited.is_to_be_repeated(fetched.status, fetched.headers):
                return fetched

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int,
        seconds: float = 30.0,
    ) -> Fetched:
        """Send a request; only a GET follows redirects. Raises as `get` does, and NotAllowed for a steering header."""
        _check_headers(headers or {})
        return await self._sent(_Send(method, url, headers or {}, content, max_bytes, seconds))

    async def _sent(self, send: "_Send", limited: LimitedRequest | None = None) -> Fetched:
        host = Origin.of(send.url).host
        try:
            # The time counts from when it is this request's turn.
            async with self._slots.taken(host) if self._slots else nullcontext(), asyncio.timeout(send.seconds):
                return await self._follow(send, limited)
        except TimeoutError as error:
            if limited is not None:
                limited.note_failure(is_timeout=True)
            raise Unreachable(say("net.no_answer", host=host, seconds=send.seconds)) from error
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError) as error:
            if limited is not None and isinstance(error, httpx.TransportError):
                limited.note_failure(is_timeout=isinstance(error, httpx.TimeoutException))
            raise Unreachable(say("net.unreachable", host=host)) from error

    async def _follow(self, send: "_Send", limited: LimitedRequest | None) -> Fetched:
        url, sender = send.url, None
        first = Origin.of(url)
        for _ in range(_MAX_REDIRECTS + 1):
            origin = Origin.of(url)
            if sender is None or not self._redirects.permit(sender, origin):
                self._check(origin)
            if self._permits is not None and not self._permits(url):
                raise NotAllowed(say("net.address_not_permitted", host=origin.host))
            if first.scheme == "https" and origin.scheme == "http":
                raise NotAllowed(say("net.redirect_unprotected", host=first.host))
            # What the caller sends is for the first origin; a credential is for its own.
            sent = {**_ALWAYS, **(send.headers if origin == first else {}), **self._credentials.get(origin, {})}
            async with self._client.stream(send.method, url, headers=sent, content=send.content) as response:
                if limited is not None:
                    await limited.note(origin, response.headers)
                if not response.has_redirect_location:
                    return await _read(response, url, send)
                if send.method != "GET":
                    raise Unreachable(say("net.redirect_of_what_was_sent", host=origin.host))
                target = _joined(url, response.headers["location"])
                if limited is not None and sender is None and _is_within(origin, target):
                    return Fetched(response.status_code, response.headers, b"", url)
                url, sender = target, origin
        raise Unreachable(say("net.redirects_too_often", host=first.host))

    def _check(self, origin: Origin) -> None:
        if origin in self._trusted or origin in self._declared:
            return
        if origin.host not in self._hosts:
            raise NotAllowed(say("net.host_not_permitted", host=origin.host))
        if origin.scheme != "https":
            raise NotAllowed(say("net.only_https", host=origin.host))
        raise NotAllowed(say("net.port_not_permitted", host=origin.host, port=origin.port))


def _check_headers(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.strip().lower() in _STEERING:
            raise NotAllowed(say("net.header_not_permitted", name=name[:40]))


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise Unreachable(say("net.redirect_to_nothing", host=Origin.of(url).host)) from error


def _is_within(origin: Origin, target: str) -> bool:
    try:
        return Origin.of(target) == origin
    except NotAllowed:
        return False


async def _read(response: httpx.Response, url: str, send: _Send) -> Fetched:
    host = Origin.of(url).host
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable(say("net.compressed", host=host))
    body = LimitedBody(send.max_bytes)
    try:
        async for chunk in response.aiter_bytes():
            body.add(chunk)
    except OverLimit:
        if not send.truncate:
            raise Unreachable(say("net.too_long", host=host, kilobytes=send.max_bytes // 1000)) from None
    return Fetched(response.status_code, response.headers, bytes(body.data), url)
