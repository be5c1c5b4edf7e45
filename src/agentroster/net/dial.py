"""Makes connections: resolves once, checks every answer, connects to what was checked.

The HTTP client keeps name, TLS and `Host` of the URL; only the dialling is ours. It stands on asyncio's streams, which
know without a system call whether an idle connection was closed: with many idle connections that is a third of the
cost of a request.
"""

import asyncio
import socket
import ssl
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

import httpcore

from agentroster.errors import NotAllowed
from agentroster.messages import say
from agentroster.net.addresses import is_public

# A server that sends this much at once is at full speed: waiting for more would only cost time.
_BURST_BYTES = 4096


class Dialer(httpcore.AsyncNetworkBackend):
    """Dials public addresses, and the (host, port) pairs the operator configured, whatever they resolve to."""

    def __init__(self, trusted: Collection[tuple[str, int]]) -> None:
        # A set may still grow, with a backend that is added while the proxy runs.
        self._trusted = trusted if isinstance(trusted, AbstractSet) else frozenset(trusted)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises NotAllowed when any address is private."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolved(host, port)
                return await _first_that_answers(addresses, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(host) from error
        except (OSError, UnicodeError) as error:
            # The resolver has Python's own words for a name that is none.
            raise httpcore.ConnectError(host) from error

    async def _resolved(self, host: str, port: int) -> list[str]:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in answers))
        if (host, port) not in self._trusted and not all(map(is_public, addresses)):
            raise NotAllowed(say("net.private", host=host))
        return addresses

    async def sleep(self, seconds: float) -> None:
        """Wait between retries, of which there are none."""
        await asyncio.sleep(seconds)


async def _first_that_answers(addresses: list[str], port: int) -> "_Stream":
    *earlier, last = addresses
    for address in earlier:
        try:
            return _Stream(*await asyncio.open_connection(address, port))
        except OSError:
            continue
    return _Stream(*await asyncio.open_connection(last, port))


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pause = 0.0
        self._unpaced = asyncio.Event()
        self._bursting = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._pause and not self._bursting:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._unpaced.wait()
        try:
            async with asyncio.timeout(timeout):
                data = await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError from error
        self._bursting = len(data) >= _BURST_BYTES
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        # Not waited for: a peer that does not answer the TLS goodbye must not hold up a cancelled run.
        self._writer.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> "_Stream":
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # Asked of idle connections: one that has something to say was closed by the server.
            return self._reader.at_eof() or self._writer.is_closing()
        if info == "pace":
            return self._set_pause
        return self._writer.get_extra_info({"ssl_object": "ssl_object", "socket": "socket"}.get(info, info))

    def _set_pause(self, seconds: float) -> None:
        self._pause = seconds
        if seconds:
            self._unpaced.clear()
        else:
            # Who waits for the rest of a body waits no longer: only when it is read can the connection be used again.
            self._unpaced.set()


def pace(stream: Any, seconds: float) -> None:
    """Wait this long before each further read of a response, so that more than one small piece arrives at a time.

    `stream` is the `network_stream` extension of a response; other kinds of streams are left as they are. Pass 0 when
    the response is complete: the connection will be used again.
    """
    setter = stream.get_extra_info("pace") if stream is not None else None
    if callable(setter):
        setter(seconds)
