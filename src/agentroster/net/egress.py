"""Bounds what a skill may reach: named hosts only, each redirect checked again, size and time capped."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from agentroster.errors import NotAllowed, Unreachable
from agentroster.messages import say
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.limited_body import LimitedBody, OverLimit

_MAX_REDIRECTS = 5
# Part of a host name; longer or empty ones are an error of Python's resolver (RFC 1035). Underscores are in use.
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MAX_NAME, _LAST_PORT = 253, 65_535
_ALWAYS = {"accept-encoding": "identity"}
# They say which host is meant, or how the message is framed: that is decided by the address and the client.
_STEERING = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "forwarded", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-forwarded-host",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, lower-case host and port of a URL: the unit of permission."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Read an origin. Raises NotAllowed for a URL that is not plain http(s) with a host."""
        try:
            parsed = httpx.URL(url)
            # Here too: httpx decodes an international name when it is asked for, and `idna` has errors of its own.
            scheme, host = parsed.scheme, parsed.host.rstrip(".").lower()
            ascii_host = parsed.raw_host.decode().rstrip(".")
        except (httpx.InvalidURL, ValueError) as error:
            raise NotAllowed(say("net.no_address")) from error
        if (ascii_host and ":" not in ascii_host and not _is_name(ascii_host)) or (parsed.port or 0) > _LAST_PORT:
            raise NotAllowed(say("net.no_address"))
        if scheme not in {"http", "https"} or not host or parsed.userinfo or "\\" in url or parsed.port == 0:
            raise NotAllowed(say("net.not_plain"))
        return cls(scheme, host, parsed.port or (443 if scheme == "https" else 80))


def _is_name(host: str) -> bool:
    return len(host) <= _MAX_NAME and all(map(_LABEL.fullmatch, host.split(".")))


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete answer of at most the permitted size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Egress:
    """A way out: only the hosts that are declared (`name`, or `name:port`), plus origins the operator configured.

    The client beneath refuses private addresses when it connects (`net/dial.py`).

    `credentials` holds the headers that prove who asks, for each origin: they are added here, so that a skill never
    sees them, and go to no other origin, also not along a redirect.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        hosts: Sequence[str] = (),
        *,
        trusted: Sequence[Origin] = (),
        credentials: Mapping[Origin, Mapping[str, str]] | None = None,
        permits: Callable[[str], bool] | None = None,
        slots: ConcurrencyLimiter | None = None,
    ) -> None:
        """`permits` may refuse an address, of each hop, for more than its origin.

        `slots` bounds the requests to one host at a time; what a redirect leads to counts for where it began.
        """
        self._client = client
        self._declared = frozenset(Origin.of(f"https://{host}") for host in hosts)
        self._hosts = frozenset(origin.host for origin in self._declared)
        self._trusted = frozenset(trusted)
        self._credentials = dict(credentials or {})
        self._permits = permits
        self._slots = slots

    async def get(self, url: str, *, max_bytes: int, seconds: float = 30.0) -> Fetched:
        """Fetch a URL, following at most 5 permitted redirects.

        Raises NotAllowed for a host that is not permitted, and Unreachable, in words, when there is no
        complete answer in time.
        """
        return await self.request("GET", url, max_bytes=max_bytes, seconds=seconds)

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
        host = Origin.of(url).host
        _check_headers(headers or {})
        try:
            # The time counts from when it is this request's turn.
            async with self._slots.taken(host) if self._slots else nullcontext(), asyncio.timeout(seconds):
                return await self._follow(method, url, headers or {}, content, max_bytes)
        except TimeoutError as error:
            raise Unreachable(say("net.no_answer", host=host, seconds=seconds)) from error
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError) as error:
            raise Unreachable(say("net.unreachable", host=host)) from error

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, max_bytes: int
    ) -> Fetched:
        first = Origin.of(url)
        for _ in range(_MAX_REDIRECTS + 1):
            origin = Origin.of(url)
            self._check(origin)
            if self._permits is not None and not self._permits(url):
                raise NotAllowed(say("net.address_not_permitted", host=origin.host))
            if first.scheme == "https" and origin.scheme == "http":
                raise NotAllowed(say("net.redirect_unprotected", host=first.host))
            # What the caller sends is for the first origin; a credential is for its own.
            sent = {**_ALWAYS, **(headers if origin == first else {}), **self._credentials.get(origin, {})}
            async with self._client.stream(method, url, headers=sent, content=content) as response:
                if not response.has_redirect_location:
                    return await _read(response, origin.host, max_bytes)
                if method != "GET":
                    raise Unreachable(say("net.redirect_of_what_was_sent", host=origin.host))
                url = _joined(url, response.headers["location"])
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


async def _read(response: httpx.Response, host: str, max_bytes: int) -> Fetched:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable(say("net.compressed", host=host))
    body = LimitedBody(max_bytes)
    try:
        async for chunk in response.aiter_bytes():
            body.add(chunk)
    except OverLimit:
        raise Unreachable(say("net.too_long", host=host, kilobytes=max_bytes // 1000)) from None
    return Fetched(response.status_code, response.headers, bytes(body.data))
