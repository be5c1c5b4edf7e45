"""Files that appear complete or not at all, in a folder that the caller has locked (`locked`)."""

import os

from agentroster.operating_system.folders import OpenFolder


def write_file(folder: OpenFolder, name: str, content: bytes, *, mode: int, replaces: bool) -> None:
    """Write a file into a folder; with `replaces` there may be one of that name.

    Raises FileExistsError rather than replacing a file that another program put there meanwhile, and OSError.
    """
    temporary = f".{name}.tmp"
    # Only a writer that was killed can have left this: whoever writes holds the lock.
    folder.remove(temporary)
    descriptor = folder.create(temporary, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if replaces:
            folder.replace(temporary, name)
        else:
            _publish(folder, temporary, name)
    finally:
        # After a rename there is nothing left to remove.
        folder.remove(temporary)
    folder.sync()


def _publish(folder: OpenFolder, temporary: str, name: str) -> None:
    """Give a complete file its name. Raises FileExistsError rather than replacing anything."""
    try:
        # Unlike a rename, a link never replaces what a program that knows no lock put there meanwhile.
        folder.link(temporary, name)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems (exFAT, network shares) know no links.
        if folder.has(name):
            raise FileExistsError(name) from None
        folder.rename(temporary, name)
