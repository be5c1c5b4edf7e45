"""Reads the metadata in the header of a safetensors file, bounded, whatever the file holds.

The format: 8 bytes little-endian length, then a JSON object, whose key `__metadata__` maps texts to texts; nothing else
of the header is parsed. Source: the safetensors format description.
"""

import re
from json import JSONDecoder
from pathlib import Path

# The format allows 100 MB; those of whole checkpoints, with pictures and statistics of captions, have a few.
_MAX_HEADER, _MAX_VALUE, _MAX_KEYS = 20_000_000, 100_000, 2_000
THUMBNAIL, TAG_FREQUENCY = "modelspec.thumbnail", "ss_tag_frequency"
_LONG = {THUMBNAIL: 4_000_000, TAG_FREQUENCY: 4_000_000}
_decoder = JSONDecoder()
_KEY = b'"__metadata__"'
_BEGIN = re.compile(r'"__metadata__"[ \t\r\n]*:[ \t\r\n]*\{[ \t\r\n]*')
_COLON, _COMMA, _END = (re.compile(rf"[ \t\r\n]*{mark}[ \t\r\n]*") for mark in (":", ",", r"\}"))


def header_metadata(path: Path) -> dict[str, str]:
    """Return `__metadata__` of a safetensors file; an empty mapping for any other or damaged file. Blocks.

    Left out are values over 100,000 characters (4,000,000 for a picture and for the statistics of tags), and keys that
    stand there twice with different values. Raises OSError.
    """
    if path.suffix.lower() not in {".safetensors", ".sft"}:
        return {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        raw = file.read(length) if 0 < length <= _MAX_HEADER else b""
    if len(raw) != length or not raw.startswith(b"{") or not raw.rstrip().endswith(b"}") or raw.count(_KEY) != 1:
        return {}
    try:
        return _texts(raw.decode())
    except ValueError:
        return {}


def _texts(text: str) -> dict[str, str]:
    """Return the texts of the metadata. Raises ValueError for anything but texts in it."""
    position = _after(_BEGIN, text, text.index(_KEY.decode()))
    found: dict[str, str] = {}
    doubtful = set[str]()
    ended = _END.match(text, position)
    while not ended:
        key, position = _string(text, position)
        value, position = _string(text, _after(_COLON, text, position))
        if found.setdefault(key, value) != value:
            doubtful.add(key)
        if len(found) > _MAX_KEYS:
            raise ValueError("too many keys")
        ended = _END.match(text, position)
        position = position if ended else _after(_COMMA, text, position)
    return {
        key: value for key, value in found.items() if key not in doubtful and len(value) <= _LONG.get(key, _MAX_VALUE)
    }


def _after(mark: re.Pattern[str], text: str, position: int) -> int:
    match = mark.match(text, position)
    if match is None:
        raise ValueError("not as the format says")
    return match.end()


def _string(text: str, position: int) -> tuple[str, int]:
    if not text.startswith('"', position):
        raise ValueError("no text")
    value, end = _decoder.raw_decode(text, position)
    # Half a surrogate pair can be written nowhere.
    return str(value).encode("utf-8", "replace").decode(), end
