"""A test picture of two colours: a model that names both can see pictures."""

import struct
import zlib

LEFT, RIGHT = "green", "yellow"
_GREEN, _YELLOW = b"\x00\x80\x00", b"\xff\xff\x00"


def picture(size: int = 64) -> bytes:
    """Return a square PNG, green at the left and yellow at the right.

    Source: PNG specification, third edition, chunks IHDR, IDAT and IEND.
    """
    row = b"\0" + _GREEN * (size // 2) + _YELLOW * (size // 2)
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(row * size)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
