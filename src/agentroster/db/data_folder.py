"""The data folder: used by many processes at a time, or replaced by one.

Who uses it holds a shared lock on a file in it, which the kernel gives back when the process dies, however it dies. New
databases take the place of old ones in two steps: a complete folder is renamed, which decides, and its files are moved,
which whoever comes next finishes when the first one was killed.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from agentroster.errors import StartRefused

DATABASES = ("roster.db", "credentials.db")
_LOCK = "in-use.lock"
_PENDING = "restore-pending-"
_ASIDE = ".before-restore-"
_NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


@contextmanager
def in_use(data_dir: Path) -> Generator[None]:
    """Use the folder, so that nobody replaces its databases meanwhile. Raises StartRefused while somebody does."""
    with _lock_file(data_dir) as lock:
        if not _taken(lock, fcntl.LOCK_SH):
            raise StartRefused(f"A backup is being restored into {data_dir}: try again when that is done")
        if _pending(data_dir):
            if not _taken(lock, fcntl.LOCK_EX):
                raise StartRefused(f"A restore into {data_dir} was interrupted and is being finished: try again")
            _finish(data_dir)
            _taken(lock, fcntl.LOCK_SH)
        yield


@contextmanager
def sole_use(data_dir: Path) -> Generator[None]:
    """Use the folder alone. Raises StartRefused when a proxy or a command uses it."""
    with _lock_file(data_dir) as lock:
        if not _taken(lock, fcntl.LOCK_EX):
            raise StartRefused(f"A proxy or a command uses {data_dir}: stop it first; nothing was changed")
        _finish(data_dir)
        yield


def replace_databases(data_dir: Path, staged: Path) -> str:
    """Put the databases of a folder inside `data_dir` in place of its own, all or none, also when killed meanwhile.

    Returns the ending of the names under which the old ones are kept. The caller has `sole_use`.
    """
    for path in staged.iterdir():
        _sync(path)
    _sync(staged)
    stamp = now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    count = 1
    while any((data_dir / f"{name}{_ASIDE}{stamp}").exists() for name in DATABASES):
        count += 1
        stamp = f"{now}-{count}"
    staged.rename(data_dir / f"{_PENDING}{stamp}")
    _sync(data_dir)
    _finish(data_dir)
    return f"{_ASIDE}{stamp}"


def _pending(data_dir: Path) -> list[Path]:
    return sorted(data_dir.glob(f"{_PENDING}*"))


def _finish(data_dir: Path) -> None:
    for folder in _pending(data_dir):
        ending = _ASIDE + folder.name.removeprefix(_PENDING)
        for name in DATABASES:
            if (folder / name).exists():
                _swap(folder / name, data_dir / name, ending)
        _sync(data_dir)
        shutil.rmtree(folder)


def _swap(new: Path, current: Path, ending: str) -> None:
    aside = current.with_name(current.name + ending)
    # A log that stayed would be played into the new file. Under the old file's new name SQLite finds it again.
    with suppress(FileNotFoundError):
        current.with_name(f"{current.name}-wal").rename(aside.with_name(f"{aside.name}-wal"))
    current.with_name(f"{current.name}-shm").unlink(missing_ok=True)
    try:
        # A second name first: at no moment is there no database.
        os.link(current, aside)
    except (FileNotFoundError, FileExistsError):
        pass
    except OSError:
        current.rename(aside)  # this file system knows no second names
    new.replace(current)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _lock_file(data_dir: Path) -> Generator[int]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartRefused(f"{data_dir} cannot be used: {error.strerror}; choose another --data-dir") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(lock: int, kind: int) -> bool:
    """Take the lock, unless somebody else has it. Some file systems of other machines have none: then only sharing."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS_HERE and kind == fcntl.LOCK_SH
    return True
