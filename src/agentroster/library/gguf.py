"""Reads the texts at the head of a GGUF file, bounded, whatever the file holds.

The format: magic, version, number of tensors, number of pairs, then pairs of a key and a typed value, little-endian.
Source: ggml's docs/gguf.md.
"""

from pathlib import Path

# Tables of words of language models come later and are not read.
_MAX_HEAD, _MAX_PAIRS, _MAX_TEXT, _MAX_ITEMS = 1_000_000, 500, 100_000, 100
_VERSIONS = frozenset({2, 3})
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _LIST = 8, 9


class _Reader:
    """Reads values one after the other. Raises ValueError where the head ends before its value does."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def bytes(self, length: int) -> bytes:
        start, self._position = self._position, self._position + length
        if self._position > len(self._data):
            raise ValueError("ends too early")
        return self._data[start : self._position]

    def number(self, size: int = 8) -> int:
        return int.from_bytes(self.bytes(size), "little")

    def text(self) -> str:
        length = self.number()
        if length > _MAX_TEXT:
            raise ValueError("too long")
        return self.bytes(length).decode("utf-8", "replace")

    def value(self, kind: int) -> str:
        """Return a text, or the texts of a list with commas between them; nothing for a value of another type."""
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            return self._items()
        self.bytes(_size(kind))
        return ""

    def _items(self) -> str:
        kind, count = self.number(4), self.number()
        if kind != _TEXT:
            self.bytes(_size(kind) * count)
            return ""
        if count > _MAX_ITEMS:
            raise ValueError("too many")
        return ", ".join(self.text() for _ in range(count))


def gguf_metadata(path: Path) -> dict[str, str]:
    """Return the texts of a GGUF file; what was read before a damage counts, and nothing of any other file. Blocks.

    Raises OSError.
    """
    if path.suffix.lower() != ".gguf":
        return {}
    with path.open("rb") as file:
        reader = _Reader(file.read(_MAX_HEAD))
    found: dict[str, str] = {}
    doubtful = set[str]()
    try:
        if reader.bytes(4) != b"GGUF" or reader.number(4) not in _VERSIONS:
            return {}
        _tensors, pairs = reader.number(), reader.number()
        for _ in range(min(pairs, _MAX_PAIRS)):
            key = reader.text()
            value = reader.value(reader.number(4))
            if value and found.setdefault(key, value) != value:
                doubtful.add(key)
    except ValueError:
        pass
    return {key: value for key, value in found.items() if key not in doubtful}


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise ValueError("no such type")
    return _SIZES[kind]
