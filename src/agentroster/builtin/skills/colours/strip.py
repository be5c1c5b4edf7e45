"""Draws colours beside each other, as a PNG of some hundred bytes (RFC 2083, with a palette)."""

import struct
import zlib
from collections.abc import Sequence

_WIDTH, _HEIGHT = 64, 40


def strip_of(colours: Sequence[str]) -> bytes:
    """Return a picture with one field for each `#rrggbb`."""
    row = b"\0" + b"".join(bytes([index]) * _WIDTH for index in range(len(colours)))
    head = struct.pack(">IIBBBBB", _WIDTH * len(colours), _HEIGHT, 8, 3, 0, 0, 0)
    palette = b"".join(bytes.fromhex(colour.removeprefix("#")) for colour in colours)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(row * _HEIGHT, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
