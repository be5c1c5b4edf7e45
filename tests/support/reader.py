"""Somebody who reads a page of the documentation and does what it says, block by block."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.support.roster_process import RosterProcess, clean_environment

_BLOCK = re.compile(
    r"^(?:<!-- (file|change): (\S+) -->\n)?```(\w+)( no-run)?\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_ADDRESS = "http://127.0.0.1:9501"
_SERVE = "roster serve\n"
# A terminal keeps its functions and its key from one block to the next. `uv run` has nothing to prepare here, and a
# package goes beside the environment of the tests, not into it.
_TERMINAL = """
set -eu
[ ! -e .terminal ] || . ./.terminal
trap '{ declare -f; declare -p KEY || true; } > .terminal 2>/dev/null' EXIT
uv() {
  case "$1" in
    run) shift; "$@" ;;
    pip) shift 2; command uv pip install --quiet --no-deps --target "$INSTALLED" "$@" ;;
    *) return 1 ;;
  esac
}
"""


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
    """Works in `folder` as in a fresh clone; `seen` is what the terminal showed. `environment` wins over the page's."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    _proxy: RosterProcess | None = None

    def __enter__(self) -> "Reader":
        self.folder.mkdir(exist_ok=True)
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
                    self.type(f'export KEY; python - <<"END"\n{text}END\n')
                case Block(language="text", text=text) if shell:
                    assert text in self.seen, f"{page.name} shows\n{text}\nbut seen was\n{self.seen}"
                case _:
                    pass

    def type(self, script: str) -> None:
        """Run a script in the terminal."""
        url = self._proxy.url if self._proxy else _ADDRESS
        done = subprocess.run(
            ["bash", "-c", _TERMINAL + script.replace(_ADDRESS, url)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        self.seen += done.stdout.replace(url, _ADDRESS)

    def _environment(self) -> dict[str, str]:
        installed = self.folder / "installed"
        # Python looks for the paths of editable packages in its own folder only.
        editable = [path.read_text(encoding="utf-8").strip() for path in installed.glob("*.pth")]
        environment = clean_environment(
            HOME=str(self.folder),
            INSTALLED=str(installed),
            PYTHONPATH=os.pathsep.join([str(installed), *editable]),
            ROSTER_DATA_DIR=str(self.folder / "data"),
        )
        return environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}

    def _serve(self, command: str) -> None:
        port = "0"
        if self._proxy:
            self._proxy.stop()
            # What the terminal knows, such as a function with the address in it, goes on to work.
            port = self._proxy.url.rsplit(":", 1)[1]
        given = dict(re.findall(r"\b([A-Z_]+)=(\S+)", command.replace("~", str(self.folder))))
        environment = {**self._environment(), **given, **self.environment}
        self._proxy = RosterProcess(self.folder, environment, ["--port", port]).start()
        self.seen += self._proxy.log.replace(f"{self.folder}/", "").replace(self._proxy.url, _ADDRESS)

    def _write(self, block: Block) -> None:
        path = self.folder / block.path.removeprefix("docs/examples/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _change(self, block: Block) -> None:
        path, lines = self.folder / block.path, block.text.splitlines(keepends=True)
        text = path.read_text(encoding="utf-8")
        before = "".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(before) == 1, f"{block.path} does not have, once,\n{before}"
        path.write_text(text.replace(before, "".join(line[1:] for line in lines if line[0] != "-")), encoding="utf-8")
