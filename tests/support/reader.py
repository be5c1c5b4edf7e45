"""Somebody who reads a page of the documentation and does what it says, block by block."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.support.deployment import REPOSITORY
from tests.support.roster_process import RosterProcess

_BLOCK = re.compile(
    r"^(?:<!-- (file|change): (\S+) -->\n)?```(\w+)( no-run)?\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_ADDRESS = "http://127.0.0.1:9501"
_SERVE = "roster serve\n"
_LOGGED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*\n", re.MULTILINE)
# A terminal keeps its functions and its key from one block to the next.
_TERMINAL = """
set -eu
[ ! -e ~/.terminal ] || . ~/.terminal
trap '{ declare -f; declare -p KEY || true; } > ~/.terminal 2>/dev/null' EXIT
"""
# How uv reaches its index on this machine, where not in the usual way.
_NETWORK = {"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "UV_OFFLINE", "UV_INDEX"} | {
    "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_SYSTEM_CERTS", "UV_CONFIG_FILE"
}  # fmt: skip


class Block(NamedTuple):
    """A fenced block; `mark` says what is done with its text in the file `path`."""

    mark: str
    path: str
    language: str
    no_run: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


@dataclass
class Reader:
    """A stranger with a fresh clone in the folder `home`: the system's programs, uv, no variable and no environment.

    `seen` is what the terminal showed. `environment` is for the proxy, and wins over the page's. A home that is used
    again keeps compiled byte code, and nothing else.
    """

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    _proxy: RosterProcess | None = None

    @property
    def folder(self) -> Path:
        """The clone, in which everything is typed."""
        return self.home / "agentroster"

    def __enter__(self) -> "Reader":
        shutil.rmtree(self.home, ignore_errors=True)
        for path in _files_of_a_clone():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / path, target, follow_symlinks=False)
        programs = self.home / ".local/bin"
        programs.mkdir(parents=True)
        # What uv's own installer does. Where uv runs the tests it says which one it is, which may stand behind others.
        (programs / "uv").symlink_to(os.environ.get("UV") or shutil.which("uv") or "uv")
        return self

    def __exit__(self, *_: object) -> None:
        if self._proxy:
            self._proxy.stop()

    def follow(self, page: Path) -> None:
        """Do what the blocks say, in their order; a `text` block after a command must be what it shows."""
        shell = False
        for block in blocks(page):
            match block:
                case Block(no_run=" no-run"):
                    shell = False
                case Block(mark="file"):
                    self._write(block)
                case Block(mark="change"):
                    self._change(block)
                case Block(language="bash", text=text):
                    shell = True
                    self._serve(text) if text.endswith(_SERVE) else self.type(text)
                case Block(language="python", text=text) if shell:
                    self.type(f'uv run python - <<"END"\n{text}END\n')
                case Block(language="text", text=text) if shell:
                    assert text in self.seen, f"{page.name} shows\n{text}\nbut seen was\n{self.seen}"
                case _:
                    pass

    def type(self, script: str) -> None:
        """Run a script in the terminal."""
        done = subprocess.run(
            ["bash", "-c", _TERMINAL + self._addressed(script)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        self.seen += done.stdout.replace(self._addressed(_ADDRESS), _ADDRESS)

    def _addressed(self, text: str) -> str:
        """Return a text with the port that the proxy got here."""
        return text.replace(_ADDRESS, self._proxy.url) if self._proxy else text

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _NETWORK}
        port = self._proxy.url.rsplit(":", 1)[1] if self._proxy else "9501"
        return kept | {
            "HOME": str(self.home),
            "PATH": f"{self.home}/.local/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "ROSTER_PORT": port,
            # Packages and byte code that are there already: the same, sooner.
            "UV_CACHE_DIR": _uv_cache(),
            "PYTHONPYCACHEPREFIX": f"{self.home}-compiled",
        }

    def _serve(self, command: str) -> None:
        before, _, last = command.rstrip("\n").rpartition("\n")
        if before:
            self.type(before)
        if self._proxy:
            self._proxy.stop()
        # What the terminal knows, such as a function with the address in it, goes on to work.
        environment = self._environment()
        port = environment.pop("ROSTER_PORT") if self._proxy else "0"
        given = dict(re.findall(r"\b([A-Z_]+)=(\S+)", last.replace("~", str(self.home))))
        start = ["--port", port]
        environment = {**environment, **given, **self.environment, "ROSTER_PORT": port}
        self._proxy = RosterProcess(self.folder, environment, start, command=("uv", "run", "roster")).start()
        # Lines of the log come when they come, in between on a busy machine.
        said = _LOGGED.sub("", self._proxy.log)
        self.seen += said.replace(f"{self.folder}/", "").replace(self._proxy.url, _ADDRESS)

    def _write(self, block: Block) -> None:
        path = self.folder / block.path.removeprefix("docs/examples/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._addressed(block.text), encoding="utf-8")

    def _change(self, block: Block) -> None:
        path, lines = self.folder / block.path, block.text.splitlines(keepends=True)
        text = path.read_text(encoding="utf-8")
        before = "".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(before) == 1, f"{block.path} does not have, once,\n{before}"
        path.write_text(text.replace(before, "".join(line[1:] for line in lines if line[0] != "-")), encoding="utf-8")


@cache
def _files_of_a_clone() -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True)
    return [path for path in dict.fromkeys(done.stdout.split("\0")) if path and (REPOSITORY / path).exists()]


@cache
def _uv_cache() -> str:
    done = subprocess.run(["uv", "cache", "dir"], capture_output=True, encoding="utf-8", check=True)
    return done.stdout.strip()
