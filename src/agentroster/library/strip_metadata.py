"""Reduces a picture file to its first picture: what else it holds is never shown to a decoder.

Metadata is where decoders could be kept busy or made to fill the memory, some releases more than others: directories
whose entries overlap, comments in a hundred thousand segments, compressed texts. Every function here is linear in the
file, and raises ValueError, IndexError or struct.error for a damaged one.
"""

import struct

_UPRIGHT, _ORIENTATION, _SHORT = 1, 0x0112, 3
_MAX_TAGS = 1_000
_EXIF = b"Exif\0\0"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
# Encoders write chunks of at least some kilobytes.
_MAX_CHUNKS = 50_000
# JPEG: JFIF and Adobe say how colours are stored; all other application segments and comments are metadata.
_APP0, _APP1, _APP14, _APP15, _COMMENT, _SCAN, _FILL = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE, 0xDA, 0xFF
_GIF_EXTENSION, _GIF_CONTROL, _GIF_IMAGE, _GIF_END = 0x21, 0xF9, 0x2C, b"\x3b"


def strip_metadata(data: bytes, kind: str) -> tuple[bytes, int]:
    """Return the file reduced to its picture, and the EXIF orientation (1 to 8; 1 where none is stated)."""
    match kind:
        case "JPEG":
            return _jpeg(data)
        case "PNG":
            return _png(data)
        case "GIF":
            return _gif(data), _UPRIGHT
        case _:
            return data, _UPRIGHT


def orientation(exif: bytes) -> int:
    """Read the orientation from EXIF data; 1 for anything that is not understood."""
    exif = exif.removeprefix(_EXIF)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return _UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}L", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for number in range(min(count, _MAX_TAGS)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHLH", exif, start + 2 + 12 * number)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and value in range(1, 9) else _UPRIGHT
    except struct.error:
        pass
    return _UPRIGHT


def _jpeg(data: bytes) -> tuple[bytes, int]:
    kept, turned = [data[:2]], _UPRIGHT
    position = 2
    for _ in range(_MAX_CHUNKS):
        if data[position] != _FILL:
            raise ValueError("no segment")
        code = data[position + 1]
        if code == _SCAN:
            return b"".join([*kept, data[position:]]), turned
        if code == _FILL:
            position += 1
            continue
        end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
        if code == _APP1 and data.startswith(_EXIF, position + 4):
            turned = orientation(data[position + 4 : end])
        if code in {_APP0, _APP14} or not (_APP0 <= code <= _APP15 or code == _COMMENT):
            kept.append(data[position:end])
        position = end
    raise ValueError("too many segments")


def _png(data: bytes) -> tuple[bytes, int]:
    kept, turned = [data[:8]], _UPRIGHT
    position = 8
    for _ in range(_MAX_CHUNKS):
        length, kind = struct.unpack_from(">L4s", data, position)
        end = position + length + 12
        if kind == b"eXIf":
            turned = orientation(data[position + 8 : end - 4])
        if kind in _PNG_KEPT:
            kept.append(data[position:end])
        if kind == b"IEND":
            return b"".join(kept), turned
        position = end
    raise ValueError("too many chunks")


def _gif(data: bytes) -> bytes:
    """Keep the screen, the transparency of the first frame, and that frame."""
    position = 13 + _colours(data[10])
    kept = [data[:position]]
    while data[position] == _GIF_EXTENSION:
        end = _after_blocks(data, position + 2)
        if data[position + 1] == _GIF_CONTROL:
            kept[1:] = [data[position:end]]
        position = end
    if data[position] != _GIF_IMAGE:
        raise ValueError("no frame")
    end = _after_blocks(data, position + 11 + _colours(data[position + 9]))
    return b"".join([*kept, data[position:end], _GIF_END])


def _colours(flags: int) -> int:
    """Return the size of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while length := data[position]:
        position += length + 1
    return position + 1
