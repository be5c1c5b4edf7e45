"""Tells MP4 and WebM, the videos that may stand as previews, by their content; none is decoded or changed."""

import struct

_HEAD, _MAX_BOXES = 4_096, 10_000
_EBML, _DOCTYPE = b"\x1a\x45\xdf\xa3", b"\x42\x82"
_CLUSTER = b"\x1f\x43\xb6\x75"
# Brands of pictures in the same container (ISO/IEC 23008-12, AVIF).
_STILL = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"jxl "})


def video_suffix(data: bytes) -> str | None:
    """Return `.mp4` or `.webm` for a complete video of that form, None for anything else."""
    if data[4:8] == b"ftyp" and data[8:12] not in _STILL:
        return ".mp4" if _is_complete_mp4(data) else None
    if data.startswith(_EBML) and _doctype(data[:_HEAD]) == b"webm" and _CLUSTER in data:
        return ".webm"
    return None


def _is_complete_mp4(data: bytes) -> bool:
    """Whether the boxes fill the file to its end, with an index and pictures among them (ISO/IEC 14496-12)."""
    position, kinds = 0, set[bytes]()
    for _ in range(_MAX_BOXES):
        if position == len(data):
            return {b"moov", b"mdat"} <= kinds
        size, kind, long_size = struct.unpack(">L4sQ", data[position : position + 16].ljust(16, b"\0"))
        # Size 0 is that of the last box: it goes to the end; size 1 says that a long one follows.
        end = len(data) if size == 0 else position + (long_size if size == 1 else size)
        if not position + 8 <= end <= len(data):
            return False
        kinds.add(kind)
        position = end
    return False


def _doctype(head: bytes) -> bytes:
    """Return the text of the EBML element that names the form; its length is one byte in every file that exists."""
    start = head.find(_DOCTYPE)
    if start < 0 or start + 3 > len(head):
        return b""
    length = head[start + 2] & 0x7F
    return head[start + 3 : start + 3 + length].rstrip(b"\0")
