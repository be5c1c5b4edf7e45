"""Counts how many requests a stand-in holds at the same time."""

import threading
from collections.abc import Generator
from contextlib import contextmanager


class AtOnce:
    """How many are held now, and how many ever were."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.now = self.most = 0

    @contextmanager
    def counted(self) -> Generator[None]:
        """Count one for the length of the block."""
        with self._changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self.now -= 1

    def reached(self, number: int) -> bool:
        """Wait until so many are held; false when that does not happen."""
        with self._changed:
            return self._changed.wait_for(lambda: self.most >= number, 30)
