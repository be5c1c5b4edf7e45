"""Computes the digest of a model file."""

import hashlib
from collections.abc import Callable
from pathlib import Path

_BLOCK = 1 << 20


def sha256_of(path: Path, stopped: Callable[[], bool]) -> str:
    """Return the lower-case hex digest of a file; an empty string when `stopped()` turned true meanwhile."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if stopped():
                return ""
            digest.update(block)
    return digest.hexdigest()
