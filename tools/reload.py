"""Runs a command and starts it anew whenever a Python, YAML, Markdown, HTML or CSS file below the folders changes.

`python -m tools.reload FOLDER... -- COMMAND...`; of the standard library only, because compose.dev.yaml mounts this one
file into the image. It compares times, as a folder of the host that is mounted into a container tells of no events.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_SUFFIXES = frozenset({".py", ".yaml", ".toml", ".md", ".html", ".css", ".js"})
_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 10


def times(folders: Sequence[Path]) -> dict[Path, int]:
    """Return when each watched file changed last."""
    found: dict[Path, int] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix in _SUFFIXES and (status := _status(path)):
                found[path] = status
    return found


def _status(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # gone while we looked; the next look sees that


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the command, at last by force."""
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(folders: Sequence[Path], command: Sequence[str]) -> None:
    """Run until interrupted. A command that fails waits for the next change, which may mend it."""
    while True:
        before = times(folders)
        process = subprocess.Popen(command)  # noqa: S603 - what this program is for
        try:
            while (now := times(folders)) == before:
                time.sleep(_LOOK_SECONDS)
        finally:
            stop(process)
        changed = sorted(str(path) for path in now.keys() | before.keys() if now.get(path) != before.get(path))
        sys.stderr.write(f"changed: {', '.join(changed[:5])}; starting again\n")


def main() -> None:
    """Read the command line: folders, `--`, a command."""
    arguments = sys.argv[1:]
    if "--" not in arguments[:-1]:
        sys.exit("usage: python -m tools.reload FOLDER... -- COMMAND...")
    divider = arguments.index("--")
    # As the first process of a container it would otherwise not be ended by what ends containers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run([Path(folder) for folder in arguments[:divider]], arguments[divider + 1 :])
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
