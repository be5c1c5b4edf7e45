"""Requests byte by byte, for what no HTTP client would send."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.roster_process import RosterProcess


@dataclass(frozen=True)
class Reply:
    """What came back; `closed`: the server ended the connection."""

    raw: bytes
    closed: bool

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/1.") else 0

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.raw.split(b"HTTP/1.1 ")[1:]]

    @property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").lower()

    @property
    def error(self) -> dict[str, Any]:
        assert "content-type: application/json" in self.head, self.raw
        return json.loads(self.raw.partition(b"\r\n\r\n")[2])["error"]


@contextmanager
def connection(proxy: RosterProcess, patience: float = 30) -> Iterator[socket.socket]:
    parts = urlsplit(proxy.url)
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=patience)) as sock:
        yield sock


def read_to_end(sock: socket.socket) -> Reply:
    """Read until the server closes."""
    raw = b""
    try:
        while piece := sock.recv(65536):
            raw += piece
    except TimeoutError:
        return Reply(raw, closed=False)
    except ConnectionError:
        return Reply(raw, closed=True)
    return Reply(raw, closed=True)


def exchange(proxy: RosterProcess, *pieces: bytes, patience: float = 30) -> Reply:
    """Send pieces, as far as the server takes them, and read until it closes the connection."""
    with connection(proxy, patience) as sock:
        with suppress(OSError):
            for piece in pieces:
                sock.sendall(piece)
        return read_to_end(sock)


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, "host: x", *headers, "", ""]).encode("latin-1")
