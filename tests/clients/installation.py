"""Client libraries, each in an environment of its own: their pins collide with ours and with each other's."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
_PYTHON = "3.11"
_SECONDS = 300


class NotInstalled(Exception):
    """A client cannot be installed here; the text says why."""


@dataclass(frozen=True)
class Client:
    """One library: what is installed, and the script that uses it (`.py` by uv, `.mjs` by npm)."""

    name: str
    packages: tuple[str, ...]
    script: str

    @property
    def is_node(self) -> bool:
        return self.script.endswith(".mjs")

    def command(self) -> list[str]:
        """Return how its script is run, installing it first if need be. Raises NotInstalled."""
        folder = self._installed()
        if not self.is_node:
            return [str(folder / "bin" / "python"), str(SCRIPTS / self.script)]
        # Node looks for packages beside the script.
        shutil.copy(SCRIPTS / self.script, folder / self.script)
        return ["node", str(folder / self.script)]

    def _installed(self) -> Path:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentroster-tests" / "clients"
        home.mkdir(parents=True, exist_ok=True)
        folder = home / "+".join(package.replace("/", "-").replace("==", "-") for package in self.packages)
        with _alone(folder.with_name(f"{folder.name}.lock")):
            if not (folder / "complete").exists():
                self._install(folder)
                (folder / "complete").touch()
        return folder

    def _install(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        try:
            if self.is_node:
                folder.mkdir()
                (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
                packages = [package.replace("==", "@") for package in self.packages]
                _run(folder, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages)
            else:
                _run(folder.parent, "uv", "venv", "--python", _PYTHON, str(folder))
                python = str(folder / "bin" / "python")
                _run(folder.parent, "uv", "pip", "install", "--python", python, *self.packages)
        except FileNotFoundError as error:
            raise NotInstalled(f"there is no {error.filename}") from error
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or str(error)
            raise NotInstalled(" ".join(str(said).split())[-500:]) from error


CLIENTS = (
    Client("openai 2", ("openai==2.54.0",), "openai_client.py"),
    Client("openai 3", ("openai==3.57.0",), "openai_client.py"),
    Client("anthropic", ("anthropic==2.14.0",), "anthropic_client.py"),
    Client("llm", ("llm==0.36",), "llm_client.py"),
    Client("langchain-openai", ("langchain-openai==1.7.4",), "langchain_client.py"),
    Client("openai-agents", ("openai-agents==0.24.0",), "agents_client.py"),
    Client("pydantic-ai", ("pydantic-ai-slim[openai]==2.68.0",), "pydantic_ai_client.py"),
    Client("litellm (SDK)", ("litellm==1.106.2",), "litellm_client.py"),
    Client("Vercel ai", ("ai==6.0.326", "@ai-sdk/openai-compatible==2.0.92"), "ai_client.mjs"),
)


def _run(folder: Path, *command: str) -> None:
    # Not in this repository: uv would apply the settings of our pyproject.toml.
    subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=_SECONDS, cwd=folder)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock between processes: two test runs must not install into one folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
