"""Finds the SHA-256 of a model file: what a scanner noted and the file has not outgrown, else what is computed once."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from agentroster.library.model_file import sha256_of
from agentroster.lru import LruDict

_MAX_KEPT = 10_000
# Clocks and file systems round.
_SECONDS = 2.0
_CHARACTERS = 64
_known: LruDict[tuple[str, int, int], str] = LruDict(_MAX_KEPT)
# One file at a time: the disk is the limit.
_one_at_a_time = threading.Lock()


def noted_digest(path: Path, sidecar: Mapping[str, object] | None) -> str:
    """Return the digest in a sidecar if the file has the size noted there and has not changed since; else nothing.

    Blocks. Raises OSError.
    """
    noted = sidecar or {}
    digest, size, modified = noted.get("sha256"), noted.get("size"), noted.get("modified")
    stat = path.stat()
    is_whole = (
        isinstance(digest, str) and len(digest) == _CHARACTERS and not set(digest.lower()) - set("0123456789abcdef")
    )
    is_of_this = size == stat.st_size and isinstance(modified, int | float) and stat.st_mtime <= modified + _SECONDS
    return digest.lower() if is_whole and is_of_this and isinstance(digest, str) else ""


def digest_of(path: Path, sidecar: Mapping[str, object] | None, stopped: Callable[[], bool]) -> str:
    """Return the digest of a file; empty when `stopped()` turned true meanwhile. Blocks. Raises OSError."""
    if noted := noted_digest(path, sidecar):
        return noted
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    with _one_at_a_time:
        if (found := _known.get(key)) is None and (found := sha256_of(path, stopped)):
            _known[key] = found
    return found
