"""Files that appear complete or not at all, in a folder that the caller has locked (`folder.locked`)."""

import os
from contextlib import suppress


def write_file(folder: int, name: str, content: bytes, *, mode: int, replaces: bool) -> None:
    """Write a file into a folder, given by its descriptor; with `replaces` there may be one of that name.

    Raises FileExistsError rather than replacing a file that another program put there meanwhile, and OSError.
    """
    temporary = f".{name}.tmp"
    # Only a writer that was killed can have left this: whoever writes holds the lock.
    _remove(folder, temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if replaces:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            _publish(folder, temporary, name)
    finally:
        # After a rename there is nothing left to remove.
        _remove(folder, temporary)
    os.fsync(folder)


def _publish(folder: int, temporary: str, name: str) -> None:
    """Give a complete file its name. Raises FileExistsError rather than replacing anything."""
    try:
        # Unlike a rename, a link never replaces what a program that knows no lock put there meanwhile.
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems (exFAT, network shares) know no links.
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            raise FileExistsError(name) from None
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
