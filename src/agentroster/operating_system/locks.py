"""Locks on open files, which go away with the process: flock(2) and fcntl(2), or `msvcrt.locking` on Windows.

`msvcrt.locking` locks some bytes from the file's position on, for one's own use only, and they need not exist. A
lock that several share is one byte out of `_SHARES`, a lock of one's own is all of them.
"""

import errno
import os
import time

from agentroster.operating_system.offered import module_or_none

_fcntl, _msvcrt = module_or_none("fcntl"), module_or_none("msvcrt")
_SHARES = 64
# The C library of Windows keeps a position in 31 bits here. With a prime, neighbours stay beside each other.
_POSITIONS = 2**31 - 1
_PAUSE_SECONDS = 0.01
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""Numbers of the errors that say: this file system, or this Python, knows no locks."""
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


class FileLock:
    """A lock on a whole open file, against other threads and processes that opened it for themselves."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held: tuple[int, int] | None = None

    def take(self, *, shared: bool) -> bool:
        """Take the lock in place of the one held, and say whether nobody else has it. Raises OSError without locks."""
        if _fcntl is not None:
            return _flock(self._descriptor, (_fcntl.LOCK_SH if shared else _fcntl.LOCK_EX) | _fcntl.LOCK_NB)
        self.release()
        regions = [(share, 1) for share in range(_SHARES)] if shared else [(0, _SHARES)]
        self._held = next((region for region in regions if _locking(self._descriptor, *region)), None)
        return self._held is not None

    def wait(self) -> None:
        """Take the lock alone, as soon as nobody else has it. Blocks. Raises OSError without locks."""
        if _fcntl is not None:
            _fcntl.flock(self._descriptor, _fcntl.LOCK_EX)
            return
        while not self.take(shared=False):
            time.sleep(_PAUSE_SECONDS)

    def release(self) -> None:
        """Give back what is held, before the file is closed: Windows takes its time, elsewhere closing does it."""
        if self._held is not None:
            _locking(self._descriptor, *self._held, unlock=True)
            self._held = None


def lock_byte(descriptor: int, position: int) -> bool:
    """Lock one byte of a file against other processes, and say whether none has it. Raises OSError without locks."""
    if _fcntl is None:
        return _locking(descriptor, position % _POSITIONS, 1)
    try:
        _fcntl.lockf(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB, 1, position)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock_byte(descriptor: int, position: int) -> None:
    """Give a byte back."""
    if _fcntl is None:
        _locking(descriptor, position % _POSITIONS, 1, unlock=True)
    else:
        _fcntl.lockf(descriptor, _fcntl.LOCK_UN, 1, position)


def _flock(descriptor: int, kind: int) -> bool:
    try:
        _fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    return True


def _locking(descriptor: int, first: int, count: int, *, unlock: bool = False) -> bool:
    if _msvcrt is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    os.lseek(descriptor, first, os.SEEK_SET)
    try:
        _msvcrt.locking(descriptor, _msvcrt.LK_UNLCK if unlock else _msvcrt.LK_NBLCK, count)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True
