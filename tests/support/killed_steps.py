"""Runs `roster backup` or `roster restore` again and again, killed at its first, second, third ... step on files.

`python -m tests.support.killed_steps backup|restore TEMPLATE ARCHIVE`: TEMPLATE is a data folder whose key and
credential belong to `old`, ARCHIVE a backup in which they belong to `new`. Each run is a line of JSON: how it ended,
and whom the next command found in each database.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from agentroster.archive.backup import write_backup
from agentroster.archive.restore import restore
from agentroster.db.data_folder import in_use

_STEPS = {
    "open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "sqlite3.connect",
    "tempfile.mkdtemp",
}  # fmt: skip


def killed_at(number: int, folder: Path) -> None:
    """End this process, as by kill -9, at a step on files below the folder."""
    left = number

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _STEPS and any(str(folder) in str(one) for one in arguments):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def found(data_dir: Path) -> list[str]:
    """Whom keys and credentials belong to, as the next command finds it; `damaged` for what fails the check."""
    people: list[str] = []
    with in_use(data_dir):
        for name, query in (
            ("roster.db", 'SELECT "user" FROM api_keys'),
            ("credentials.db", "SELECT subject FROM credentials"),
        ):
            with closing(sqlite3.connect(data_dir / name)) as database:
                whole = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
                people.append(",".join(sorted(row[0] for row in database.execute(query))) if whole else "damaged")
    return people


def attempt(command: str, number: int, template: Path, archive: Path) -> dict[str, object]:
    """Run once, killed at step `number`; the status is negative for a kill."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir, target = Path(folder, "data"), Path(folder, "out.zip")
        shutil.copytree(template, data_dir)
        child = os.fork()
        if child == 0:
            killed_at(number, Path(folder))
            if command == "restore":
                restore(data_dir, archive, None)
            else:
                write_backup(data_dir, target)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        people = found(data_dir)
        left = [path.name for path in data_dir.iterdir() if path.name.startswith("restore-pending")]
        whole = None
        if target.exists():
            whole = bool(restore(Path(folder, "other"), target, None))
        return {"status": status, "people": people, "left": left, "archive": whole}


def main() -> None:
    """Go on until a run reaches its end."""
    command, template, archive = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    number, status = 1, -1
    while status != 0:
        result = attempt(command, number, template, archive)
        status = result["status"]
        sys.stdout.write(json.dumps(result) + "\n")
        number += 1


if __name__ == "__main__":
    main()
