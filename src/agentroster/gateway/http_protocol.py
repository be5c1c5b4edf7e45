"""Bounds one connection: size and time of the request's head, and a refusal the client can read.

uvicorn's protocol knows no limit: it gathers any number of headers, an endless address or header in quadratic time,
and waits for ever for the rest of a head. Status codes: RFC 9110 and RFC 6585.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from agentroster.messages import say
from agentroster.web.error_forms import PublicError

_SLICE_BYTES = 16_384
_MAX_PIPELINED = 16
_SECOND_LOOK_SECONDS = 0.25
_LINGER_SECONDS = 2.0
_MAX_LINGER_BYTES = 64_000_000
_MAX_LINGERING = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Largest request line and headers together in bytes, seconds until they are complete, most connections."""

    max_head_bytes: int = 65_536
    head_timeout: float = 20.0
    max_connections: int = 1000


def limited_protocol(limits: WireLimits) -> "type[LimitedProtocol]":
    """Return the class for the connections of one server."""

    class Configured(LimitedProtocol):
        pass

    Configured.limits = limits
    Configured.waiting = {}
    Configured.lingering = set()
    return Configured


class LimitedProtocol(HttpToolsProtocol):
    """One connection. `waiting` holds those whose next head is not complete, the longest waiting first."""

    limits: ClassVar[WireLimits] = WireLimits()
    waiting: ClassVar[dict["LimitedProtocol", None]] = {}
    lingering: ClassVar[set["LimitedProtocol"]] = set()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heads = 0
        self._head_bytes = 0
        self._in_head = False
        self._in_body = False
        self._is_over = False
        self._discarded = 0
        self._timer: asyncio.TimerHandle | None = None
        self._outlet = _Outlet(self)

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a head; above the limit of connections one that only waits makes room."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.limits.max_connections:
            next(iter(self.waiting)).make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._is_over = True
        self._head_arrived()
        self.lingering.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser in slices, so that an endless head is noticed before it is gathered."""
        for at in range(0, len(data), _SLICE_BYTES):
            if self._is_over:
                self._discard(len(data) - at)
                return
            self._feed(data[at : at + _SLICE_BYTES])
        if (self._in_head or self._head_bytes) and self._timer is None and not self._is_over:
            self._await_head()

    def _feed(self, chunk: bytes) -> None:
        heads = self._heads
        super().data_received(chunk)
        if heads == self._heads and not self._in_body and not self._is_over:
            self._head_bytes += len(chunk)
            if self._head_bytes > self.limits.max_head_bytes:
                self.refuse(431)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large or too many wait behind each other."""
        if self._is_over:
            return
        too_large = self._head_bytes > self.limits.max_head_bytes - _SLICE_BYTES and self._is_too_large()
        self._in_head, self._in_body = False, True
        self._heads += 1
        self._head_bytes = 0
        self._head_arrived()
        if too_large or len(self.pipeline) >= _MAX_PIPELINED:
            self.refuse(431 if too_large else 503)
            return
        earlier = self.cycle
        super().on_headers_complete()
        if self.cycle is not earlier:
            self.cycle.transport = self._outlet  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Gather the body, unless nobody will read it."""
        if not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the next bytes belong to a head."""
        self._in_body = False
        if not self._is_over:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, unless the rest of this one will never be read."""
        if self._is_over:
            self.server_state.total_requests += 1
            if self not in self.lingering:
                self.linger()
            return
        super().on_response_complete()
        if not self.pipeline and self.cycle.response_complete and self.cycle.more_body:
            self.linger()
        elif not self.transport.is_closing():
            self.waiting[self] = None

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._is_over = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - words of the parser
        """Refuse bytes that are not HTTP."""
        self.refuse(400)

    def make_room(self) -> None:
        """End a connection that waits for a head, with an answer where a request may be on its way."""
        if self._in_head or not self._heads:
            self.refuse(503)
        else:
            self.transport.close()

    def refuse(self, status: int) -> None:
        """Answer and close; while an earlier request is answered, close after that."""
        if self._is_over:
            return
        if self._is_answering():
            if self.pipeline or self.cycle.response_started or not self.cycle.more_body:
                self._is_over = True
                self._head_arrived()
                self.cycle.keep_alive = False
                return
            # What is wrong is the body of this very request: whoever reads it learns that there is no more.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not self.transport.is_closing():
            self.transport.write(_refusal(status))
            self.linger()

    def _is_answering(self) -> bool:
        return self._heads > 0 and bool(self.cycle) and not self.cycle.response_complete

    def linger(self) -> None:
        """Close, but let the client read the answer first: closing with unread input would throw it away."""
        self._is_over = True
        self._head_arrived()
        if self.transport.is_closing():
            return
        if len(self.lingering) >= _MAX_LINGERING:
            self.transport.close()
            return
        self.lingering.add(self)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def close(self) -> None:
        """Close after an answer, lingering when the rest of a body is under way."""
        if self._in_body and not self._is_over:
            self.linger()
        elif self not in self.lingering:
            self.transport.close()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _MAX_LINGER_BYTES:
            self.transport.abort()

    def _is_too_large(self) -> bool:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return size > self.limits.max_head_bytes

    def _await_head(self) -> None:
        self.waiting[self] = None
        self._timer = self.loop.call_later(self.limits.head_timeout, self._head_is_late)

    def _head_arrived(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        # After a pause of the whole process it may be waiting in the socket.
        self._timer = self.loop.call_later(_SECOND_LOOK_SECONDS, self._head_is_missing)

    def _head_is_missing(self) -> None:
        self._timer = None
        if self._in_head or self._head_bytes:
            self.refuse(408)
        else:
            self.transport.close()


class _Outlet:
    """The transport as a response sees it: its `close` knows about the rest of the request."""

    def __init__(self, protocol: LimitedProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.close()


def _refusal(status: int) -> bytes:
    body = json.dumps({"error": _error(status).body}).encode()
    head = b"content-type: application/json\r\nconnection: close\r\n"
    retry = b"retry-after: 1\r\n" if status == 503 else b""  # noqa: PLR2004
    return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (STATUS_LINE[status], head, retry, len(body), body)


def _error(status: int) -> PublicError:
    match status:
        case 408:
            return PublicError(status, say("gateway.head_late"), "request_timeout")
        case 431:
            return PublicError(status, say("gateway.head_too_large"), "headers_too_large")
        case 503:
            return PublicError(status, say("gateway.connections_used_up"), "too_many_connections")
        case _:
            return PublicError(status, say("gateway.not_http"), "invalid_http")
