"""What servers answered, kept in a folder, so that they need only be asked whether it is still right.

The folder may be deleted at any time. Its files are read by the proxy alone: answers may be of private repositories.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from agentroster.json_values import as_object

_MAX_FILES, _MAX_BYTES = 20_000, 200_000_000
_LOOK_AFTER = 500
"""So many are written before the folder is looked through again."""


class KeptAnswers:
    """Keeps JSON objects by name, at most 20,000 and 200 MB of them; those that were used longest ago go first.

    All methods block: call them in a thread. Without a folder, and where it cannot be used, nothing is kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._written = 0
        self._counting = threading.Lock()

    def read(self, name: str) -> Mapping[str, object]:
        """Return what is kept by this name; empty when nothing is."""
        if self._folder is None:
            return {}
        path = self._path(self._folder, name)
        try:
            kept = as_object(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}
        if kept.get("name") != name:
            return {}
        with suppress(OSError):
            os.utime(path)
        return as_object(kept.get("answer"))

    def write(self, name: str, answer: Mapping[str, object]) -> None:
        """Keep an object instead of what was kept by this name."""
        if self._folder is None:
            return
        path = self._path(self._folder, name)
        # What is half written is never read.
        half = path.with_name(f"{path.name}.{token_hex(4)}")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(json.dumps({"name": name, "answer": answer}).encode())
            half.replace(path)
        except OSError:
            with suppress(OSError):
                half.unlink()
            return
        with self._counting:
            is_due = self._written % _LOOK_AFTER == 0
            self._written += 1
        if is_due:
            self._drop_old(self._folder)

    def _path(self, folder: Path, name: str) -> Path:
        return folder / hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()

    def _drop_old(self, folder: Path) -> None:
        with suppress(OSError):
            found = [(entry.stat(), entry.path) for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
            found.sort(key=lambda entry: entry[0].st_mtime, reverse=True)
            room = _MAX_BYTES
            for number, (about, path) in enumerate(found):
                room -= about.st_size
                if number >= _MAX_FILES or room < 0:
                    with suppress(OSError):
                        Path(path).unlink()
