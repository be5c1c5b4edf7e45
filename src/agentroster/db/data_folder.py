"""The data folder: used by many processes at a time, or replaced by one.

Who uses it holds a shared lock on a file in it, which the kernel gives back when the process dies, however it dies. A
server and a worker hold one on a file with their name as well, so that whoever is refused reads what to stop. New
databases take the place of old ones in two steps: a complete folder is renamed, which decides, and its files are moved,
which whoever comes next finishes when the first one was killed.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from agentroster.errors import StartRefused
from agentroster.operating_system.folders import sync_path
from agentroster.operating_system.locks import NO_LOCKS, FileLock

DATABASES = ("roster.db", "credentials.db")
Role: TypeAlias = Literal["serve", "worker", "command"]
"""Who uses the folder: `roster serve`, `roster worker`, or any other command."""

_LOCK = "in-use.lock"
_NAMED: tuple[Role, ...] = ("serve", "worker")
_PENDING = "restore-pending-"
_ASIDE = ".before-restore-"


@contextmanager
def in_use(data_dir: Path, role: Role = "command", *, alone: bool = False) -> Generator[None]:
    """Use the folder, so that nobody replaces its databases meanwhile. Raises StartRefused while somebody does.

    `alone`: nobody else has this role here; raises StartRefused when somebody has.
    """
    with ExitStack() as held:
        lock = held.enter_context(_lock_file(data_dir))
        if not _taken(lock, shared=True):
            raise StartRefused(f"A backup is being restored into {data_dir}: try again when that is done")
        if _pending(data_dir):
            if not _taken(lock):
                raise StartRefused(f"A restore into {data_dir} was interrupted and is being finished: try again")
            _finish(data_dir)
            _taken(lock, shared=True)
        if role in _NAMED:
            named = held.enter_context(_lock_file(data_dir, role))
            if not _taken(named, shared=not alone, without_locks=True) and alone:
                raise StartRefused(
                    f"Another `roster {role}` uses {data_dir}: stop it first, or give this one another --data-dir"
                )
        yield


@contextmanager
def sole_use(data_dir: Path) -> Generator[None]:
    """Use the folder alone. Raises StartRefused when somebody uses it, and says who."""
    with _lock_file(data_dir) as lock:
        if not _taken(lock):
            raise StartRefused(f"{_users(data_dir)} {data_dir}: stop it first; nothing was changed")
        _finish(data_dir)
        yield


def replace_databases(data_dir: Path, staged: Path) -> str:
    """Put the databases of a folder inside `data_dir` in place of its own, all or none, also when killed meanwhile.

    Returns the ending of the names under which the old ones are kept. The caller has `sole_use`.
    """
    for path in staged.iterdir():
        sync_path(path)
    sync_path(staged)
    stamp = now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    count = 1
    while any((data_dir / f"{name}{_ASIDE}{stamp}").exists() for name in DATABASES):
        count += 1
        stamp = f"{now}-{count}"
    staged.rename(data_dir / f"{_PENDING}{stamp}")
    sync_path(data_dir)
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
        sync_path(data_dir)
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


def _users(data_dir: Path) -> str:
    """Return who uses the folder, and the verb."""
    users: list[str] = []
    for role in _NAMED:
        if _lock_path(data_dir, role).exists():
            with _lock_file(data_dir, role) as lock:
                users += [] if _taken(lock) else [f"`roster {role}`"]
    if len(users) > 1:
        return f"{' and '.join(users)} use"
    return f"{users[0] if users else 'A command'} uses"


def _lock_path(data_dir: Path, role: Role) -> Path:
    return data_dir / (f"in-use.{role}.lock" if role in _NAMED else _LOCK)


@contextmanager
def _lock_file(data_dir: Path, role: Role = "command") -> Generator[FileLock]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(_lock_path(data_dir, role), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartRefused(f"{data_dir} cannot be used: {error.strerror}; choose another --data-dir") from error
    lock = FileLock(descriptor)
    try:
        yield lock
    finally:
        lock.release()
        os.close(descriptor)


def _taken(lock: FileLock, *, shared: bool = False, without_locks: bool = False) -> bool:
    """Take the lock, unless somebody else has it.

    Some file systems of other machines have no locks: then only sharing passes, and what may go on `without_locks`.
    """
    try:
        return lock.take(shared=shared)
    except OSError as error:
        return error.errno in NO_LOCKS and (without_locks or shared)
