"""Open WebUI in an environment of its own: its pins collide with ours, its licence keeps it out of our lock file."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

PYTHON = "3.11"
_LIST = "import sysconfig; print(sysconfig.get_path('purelib'), 'requirements-slim.txt', sep='/')"


def installed(version: str) -> Path:
    """Return the command `open-webui`, installed first if need be; skips outside CI where that is impossible."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentroster-tests"
    folder = home / f"openwebui-{version}"
    complete = folder / "complete"
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / f"openwebui-{version}.lock"):
        problem = "" if complete.exists() else _install(version, folder)
        if problem:
            missing(f"Open WebUI {version} cannot be installed here:\n{problem}")
        complete.touch()
    return folder / "bin" / "open-webui"


def missing(reason: str) -> NoReturn:
    """Fail in CI, where nothing may be left out; skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _install(version: str, folder: Path) -> str:
    """Install, and return why it did not work."""
    python = str(folder / "bin" / "python")
    install = ("uv", "pip", "install", "--python", python)
    try:
        _run(folder, "uv", "venv", "--clear", "--python", PYTHON, str(folder))
        # The full list holds torch and the like; the package carries the short one of the slim image.
        _run(folder, *install, "--no-deps", f"open-webui=={version}")
        _run(folder, *install, "--requirements", _run(folder, python, "-c", _LIST).strip())
    except subprocess.CalledProcessError as error:
        return error.stderr or str(error)
    return ""


def _run(folder: Path, *command: str) -> str:
    # Not in this repository: uv would apply the settings of our pyproject.toml.
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=600, cwd=folder.parent)
    return done.stdout


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock between processes: two test runs must not install into one folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
