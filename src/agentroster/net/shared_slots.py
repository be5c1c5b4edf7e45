"""Slots that processes on one machine share: one byte of a file for each, locked by the process that has it.

The kernel gives the locks of a process back when it dies (`operating_system/locks.py`). They are the process's, not a
task's, so each process notes which are its own; and they end when the file is closed, so it stays open.
"""

import hashlib
import os
from collections.abc import Hashable
from pathlib import Path

from agentroster.operating_system.locks import lock_byte, unlock_byte

_SLOTS_BITS = 20
_KEY_BITS = 40


class SharedSlots:
    """Belongs to one event loop. Where the file or its locks cannot be used, each process counts for itself."""

    def __init__(self, path: Path, *, is_worker: bool) -> None:
        self._path = path
        self._is_worker = is_worker
        self._descriptor: int | None = None
        self._mine: set[int] = set()

    def take(self, key: Hashable, most: int) -> int | None:
        """Return a slot of `most` for a key, or None while all are taken.

        The last one in the order of the other process is left to it, so that neither waits for ever.
        """
        first = int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=_KEY_BITS // 8).digest()) << _SLOTS_BITS
        order = range(first, first + most)[:: -1 if self._is_worker else 1]
        for slot in order[: most - 1] or order:
            if slot not in self._mine and self._lock(slot):
                self._mine.add(slot)
                return slot
        return None

    def give_back(self, slot: int) -> None:
        """Let another process have a slot."""
        self._mine.discard(slot)
        if self._descriptor is not None:
            unlock_byte(self._descriptor, slot)

    def _lock(self, slot: int) -> bool:
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            return lock_byte(self._descriptor, slot)
        except OSError:
            # Without the file, or locks, there is nobody to share with.
            return True
