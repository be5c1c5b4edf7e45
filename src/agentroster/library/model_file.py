"""Facts read from a model file itself: digest, size, and the header of a safetensors file."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from agentroster.json_values import as_object

_BLOCK = 1 << 20
_MAX_HEADER = 100_000_000


def sha256_of(path: Path, stopped: Callable[[], bool]) -> str:
    """Return the lower-case hex digest of a file; an empty string when `stopped()` turned true meanwhile."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if stopped():
                return ""
            digest.update(block)
    return digest.hexdigest()


def header_metadata(path: Path) -> dict[str, str]:
    """Return `__metadata__` of a safetensors file: 8 bytes little-endian length, then JSON.

    Anything else (another format, a damaged header) has no metadata: an empty mapping.
    Source: the safetensors format description.
    """
    if path.suffix.lower() != ".safetensors":
        return {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _MAX_HEADER:
            return {}
        raw = file.read(length)
    try:
        header: object = json.loads(raw)
    except ValueError:
        return {}
    metadata = as_object(as_object(header).get("__metadata__"))
    return {key: value for key, value in metadata.items() if isinstance(value, str)}
