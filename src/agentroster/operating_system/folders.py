"""A folder, opened: what is done in it is done in this very folder, whatever takes its path meanwhile.

Windows opens no folders. There the path is resolved again before each step: that a link did not take its place is then
known for a moment, not for the whole time. Writing to a folder that others may rename is less safe there.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentroster.operating_system.locks import FileLock

_O_DIRECTORY, _O_NOFOLLOW = getattr(os, "O_DIRECTORY", 0), getattr(os, "O_NOFOLLOW", 0)
HAS_DESCRIPTORS = bool(_O_DIRECTORY) and {os.open, os.stat, os.unlink, os.rename, os.link} <= os.supports_dir_fd
KEEPS_MODES = hasattr(os, "fchmod") and os.name != "nt"
"""Whether a file's mode says who may read it."""

_LEAST_BYTES = 65_536


class OpenFolder:
    """An open folder; names are of files in it. All methods block, and raise OSError."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self.descriptor = descriptor

    def create(self, name: str, mode: int) -> int:
        """Make a file that is not there, and return its descriptor; links are not followed."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_NOFOLLOW | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._named(name), flags, 0o600, dir_fd=self.descriptor)
        set_mode(descriptor, mode)
        return descriptor

    def has(self, name: str) -> bool:
        """Whether something of this name is there, also a link that leads nowhere."""
        try:
            os.stat(self._named(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def replace(self, name: str, new_name: str) -> None:
        """Rename a file, in place of one that has the new name."""
        os.replace(self._named(name), self._named(new_name), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file. On Windows FileExistsError is raised for a name that is taken; elsewhere look first."""
        os.rename(self._named(name), self._named(new_name), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def link(self, name: str, new_name: str) -> None:
        """Give a file a second name. Raises FileExistsError for one that is taken, OSError where there are no links."""
        paths = self._named(name), self._named(new_name)
        if self.descriptor is None:
            os.link(*paths)
        else:
            os.link(*paths, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self._named(name), dir_fd=self.descriptor)

    def sync(self) -> None:
        """Return when the names of the files are on the disk, where a system lets one wait for that."""
        if self.descriptor is not None:
            os.fsync(self.descriptor)

    def _named(self, name: str) -> str:
        if self.descriptor is not None:
            return name
        if os.path.normcase(os.path.realpath(self.path)) != os.path.normcase(self.path):
            raise NotADirectoryError(errno.ENOTDIR, "the folder was replaced by a link meanwhile", str(self.path))
        return str(self.path / name)


@contextmanager
def opened(folder: Path) -> Generator[OpenFolder]:
    """Open a folder, given by its resolved path."""
    if not HAS_DESCRIPTORS:
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        yield OpenFolder(folder, None)
        return
    descriptor = os.open(folder, os.O_RDONLY | _O_DIRECTORY)
    try:
        yield OpenFolder(folder, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Generator[OpenFolder]:
    """Lock a folder against other threads and processes of this machine, and open it.

    A lock on the folder needs no lock file. Where none can be opened there is one, in the folder for temporary files.
    """
    with opened(folder) as open_folder, _to_lock(open_folder) as descriptor:
        lock = FileLock(descriptor)
        lock.wait()
        try:
            yield open_folder
        finally:
            lock.release()


@contextmanager
def _to_lock(folder: OpenFolder) -> Generator[int]:
    if folder.descriptor is not None:
        yield folder.descriptor
        return
    descriptor = os.open(_lock_path(folder.path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_path(folder: Path) -> Path:
    locks = Path(tempfile.gettempdir(), "agentroster-locks")
    locks.mkdir(mode=0o700, exist_ok=True)
    return locks / hashlib.sha256(os.path.normcase(folder).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def set_mode(descriptor: int, mode: int) -> None:
    """Set the mode of an open file, where there are modes: on Windows a file has the rights of its folder."""
    if KEEPS_MODES:
        os.fchmod(descriptor, mode)


def sync_path(path: Path) -> None:
    """Return when a file, or the names in a folder, are on the disk. Windows does not let one wait for names."""
    if path.is_dir() and not HAS_DESCRIPTORS:
        return
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDONLY if HAS_DESCRIPTORS else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def has_no_room(folder: Path) -> bool:
    """Whether the disk of a folder is full: nobody can make a file of some size there."""
    try:
        if not hasattr(os, "statvfs"):
            return shutil.disk_usage(folder).free < _LEAST_BYTES
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _LEAST_BYTES or (disk.f_files > 0 and disk.f_favail == 0)
