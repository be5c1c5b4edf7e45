"""Takes from a Python of Linux what Python on Windows does not have, at its start, when this folder is in PYTHONPATH.

Modules of the system are refused to agentroster alone: others ask for the system's name, which stays Linux. In their
place comes `msvcrt.locking`, strict as its documentation and the C library of Windows are. What Windows refuses is
refused: folders that are opened, descriptors of folders, flushing what is open for reading, a rename over a file, and
to remove or rename a file that this process has open. Each process writes `Windows` into the file of ROSTER_TEST_MARK.
"""

import asyncio
import builtins
import errno
import fcntl
import importlib
import os
import signal
import socket
import struct
import sys
import time
import types
from functools import partial

BLOCKED = {"uvloop", "fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "readline", "posix"}

_import, _import_module = builtins.__import__, importlib.import_module


def _refuse(name: str, importer: str) -> None:
    root = name.partition(".")[0]
    # On Windows nobody has uvloop.
    if root in BLOCKED and (root == "uvloop" or importer.partition(".")[0] == "agentroster"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _importing(name, names=None, own=None, fromlist=(), level=0):
    if level == 0:
        _refuse(name, (names or {}).get("__name__", ""))
    return _import(name, names, own, fromlist, level)


def _importing_module(name, package=None):
    _refuse(name, sys._getframe(1).f_globals.get("__name__", ""))
    return _import_module(name, package)


class _Msvcrt(types.ModuleType):
    LK_UNLCK, LK_LOCK, LK_NBLCK, LK_RLCK, LK_NBRLCK = range(5)

    @staticmethod
    def locking(fd: int, mode: int, nbytes: int) -> None:
        """Lock bytes from the position on: a handle's own (F_OFD_SETLK), exclusive whatever the mode is called."""
        assert mode in (0, 2), "the other modes wait for ten seconds"
        start = os.lseek(fd, 0, os.SEEK_CUR)
        if not 0 <= start < 2**31 or nbytes < 1:
            raise OSError(errno.EINVAL, "Invalid argument")
        kind = fcntl.F_UNLCK if mode == 0 else fcntl.F_WRLCK
        held = _held.setdefault(fd, set())
        region = (start, nbytes)
        if mode == 0:
            # What is not locked exactly so cannot be unlocked.
            if region not in held:
                raise OSError(errno.EACCES, "Permission denied")
            held.discard(region)
        elif any(start < first + count and first < start + nbytes for first, count in held):
            raise OSError(errno.EACCES, "Permission denied")
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, nbytes, 0))
        except BlockingIOError as error:
            raise OSError(errno.EACCES, "Permission denied") from error
        if mode == 2:
            held.add(region)


_held: dict[int, set[tuple[int, int]]] = {}
_open, _close, _fsync, _unlink, _rename, _replace = os.open, os.close, os.fsync, os.unlink, os.rename, os.replace
_stat, _link = os.stat, os.link


def _no_descriptor(*folders: object) -> None:
    if any(folder is not None for folder in folders):
        raise NotImplementedError("dir_fd unavailable on this platform")


def _opening(path, flags, mode=0o777, *, dir_fd=None):
    _no_descriptor(dir_fd)
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return _open(path, flags, mode)


def _closing(fd):
    _held.pop(fd, None)
    _close(fd)


def _flushing(fd):
    number = fd if isinstance(fd, int) else fd.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    _fsync(fd)


def _require_closed(*paths: object) -> None:
    for path in paths:
        real = os.path.realpath(os.fspath(path))
        for number in os.listdir("/proc/self/fd"):
            try:
                used = os.readlink(f"/proc/self/fd/{number}") == real
            except OSError:
                continue
            if used:
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))


def _unlinking(path, *, dir_fd=None):
    _no_descriptor(dir_fd)
    _require_closed(path)
    _unlink(path)


def _renaming(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
    _no_descriptor(src_dir_fd, dst_dir_fd)
    if os.path.lexists(dst):
        raise FileExistsError(errno.EEXIST, "File exists", str(dst))
    _require_closed(src)
    _rename(src, dst)


def _replacing(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
    _no_descriptor(src_dir_fd, dst_dir_fd)
    _require_closed(src, dst)
    _replace(src, dst)


def _linking(src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):
    _no_descriptor(src_dir_fd, dst_dir_fd)
    if not follow_symlinks:
        raise NotImplementedError("follow_symlinks unavailable on this platform")
    _link(src, dst)


def _stating(path, *, dir_fd=None, follow_symlinks=True):
    _no_descriptor(dir_fd)
    return _stat(path, follow_symlinks=follow_symlinks)


def _no_handlers(self, *_):
    raise NotImplementedError


def _take_away() -> None:
    builtins.__import__, importlib.import_module = _importing, _importing_module
    sys.modules["msvcrt"] = _Msvcrt("msvcrt")
    for name in ("O_NOFOLLOW", "O_DIRECTORY", "fchmod", "fchown", "chown", "geteuid", "getgid", "killpg",
                 "getpgid", "setsid", "fork", "sched_getaffinity", "sysconf", "statvfs"):  # fmt: skip
        delattr(os, name)
    for names in (os.supports_dir_fd, os.supports_follow_symlinks, os.supports_fd):
        names.clear()
    os.open, os.close, os.fsync, os.unlink, os.remove = _opening, _closing, _flushing, _unlinking, _unlinking
    os.rename, os.replace, os.link, os.stat = _renaming, _replacing, _linking, _stating
    for name in ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE", "SIGCHLD", "SIGTSTP"):
        delattr(signal, name)
    # Each loop has a pair to wake itself with, which asyncio of Linux makes of the family that goes away.
    socket.socketpair = partial(socket.socketpair, socket.AF_UNIX)
    for name in ("AF_UNIX", "SO_REUSEPORT"):
        delattr(socket, name)
    del time.tzset
    # The data of time zones is looked for along a path of Linux, once.
    importlib.import_module("zoneinfo")
    os.pathsep = ";"
    loop = asyncio.unix_events._UnixSelectorEventLoop
    loop.add_signal_handler = loop.remove_signal_handler = _no_handlers
    for name in ("add_reader", "add_writer"):
        # Those of Windows that run subprocesses have no such thing; asyncio's own of Linux stands on them.
        setattr(loop, name, _no_handlers)


_take_away()
with open(os.environ["ROSTER_TEST_MARK"], "a", encoding="utf-8") as file:
    file.write(f"Windows {' '.join(sys.argv[1:2])}\n")
