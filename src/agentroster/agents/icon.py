"""Draws the icon of an agent from its name: five by five fields, alike on both sides, in a colour of its own.

Form: PNG (RFC 2083) with a palette, as a data URL; Open WebUI serves no SVG as an icon.
"""

import base64
import colorsys
import hashlib
import struct
import zlib
from functools import lru_cache

_FIELDS, _FIELD, _MARGIN = 5, 8, 4
_SIZE = _FIELDS * _FIELD + 2 * _MARGIN


@lru_cache(1_000)
def icon_of(name: str) -> str:
    """Return the icon as a data URL of some 200 characters: the same for a name, whatever else changes."""
    digest = hashlib.sha256(name.encode()).digest()
    half = [[digest[3 * row + column] & 1 for column in range(3)] for row in range(_FIELDS)]
    # The middle is always there, so that no icon is empty.
    half[_FIELDS // 2][2] = 1
    fields = [[*row, row[1], row[0]] for row in half]
    dark = colorsys.hls_to_rgb(digest[-1] / 256, 0.42, 0.55)
    palette = [(245, 245, 247), tuple(round(part * 255) for part in dark)]
    return f"data:image/png;base64,{base64.b64encode(_png(fields, palette)).decode()}"


def _png(fields: list[list[int]], palette: list[tuple[int, ...]]) -> bytes:
    empty = [0] * _SIZE
    rows = [empty] * _MARGIN
    for line in fields:
        row = [0] * _MARGIN + [value for value in line for _ in range(_FIELD)] + [0] * _MARGIN
        rows += [row] * _FIELD
    rows += [empty] * _MARGIN
    pixels = b"".join(b"\0" + _bits(row) for row in rows)
    head = struct.pack(">IIBBBBB", _SIZE, _SIZE, 1, 3, 0, 0, 0)
    colours = bytes(part for colour in palette for part in colour)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _bits(row: list[int]) -> bytes:
    return int("".join(map(str, row)), 2).to_bytes(_SIZE // 8, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
