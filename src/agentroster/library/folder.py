"""A folder of models, opened, and locked while something in it is written."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Generator[int]:
    """Lock a folder against other threads and processes, and yield its descriptor.

    A lock on the folder needs no lock file, and goes away with the process.
    """
    with opened(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor


@contextmanager
def opened(folder: Path) -> Generator[int]:
    """Open a folder, and yield its descriptor."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
