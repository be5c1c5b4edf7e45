"""The real proxy as a process, started as a user starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from openai import OpenAI

READY = "roster is ready at "
ROSTER = str(Path(sys.executable).with_name("roster"))
PATIENCE_SECONDS = 180


def clean_environment(**extra: str) -> dict[str, str]:
    """Return an environment without anything of the developer's; byte code is written, as everywhere else."""
    kept = {
        name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    }
    return {**kept, "HOME": "/nonexistent", **extra}


@dataclass
class RosterProcess:
    """`roster serve` on a free port; `log` is all it wrote."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    own_group: bool = False
    url: str = ""
    command: Sequence[str] = (ROSTER,)
    process: subprocess.Popen[bytes] | None = None
    _log_start: int = 0
    _clients: ExitStack = field(default_factory=ExitStack)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        return self.folder / "roster.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def master_key(self) -> str:
        return self.environment["LITELLM_MASTER_KEY"]

    def start(self) -> "RosterProcess":
        """Start and wait for the ready line."""
        command = [*self.command, "serve", "--port", "0", "--data-dir", str(self.data_dir), *self.arguments]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_start = len(self.log) if self.log_file.exists() else 0
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=clean_environment(**self.environment),
                stdout=log,
                stderr=log,
                process_group=0 if self.own_group else None,
            )
        self.wait_for(READY)
        self.url = self.log.rsplit(READY, 1)[1].split()[0]
        return self

    def wait_for(self, text: str) -> None:
        """Wait until the log holds a text."""
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.log[self._log_start :]:
            assert self.process.poll() is None, f"roster ended early:\n{self.log}"
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log}"
            time.sleep(0.05)

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Stop and return the exit status."""
        assert self.process is not None
        self._clients.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(with_signal)
        return self.process.wait(20)

    def openai(self, key: str | None = None, **options: object) -> OpenAI:
        """Return the official client; it does not retry, so that each call is one request."""
        client = OpenAI(base_url=f"{self.url}/v1", api_key=key or self.master_key, max_retries=0, timeout=60, **options)  # pyright: ignore[reportArgumentType]
        return self._clients.enter_context(client)

    def http(self, key: str | None = None) -> httpx.Client:
        """Return a plain client."""
        headers = {"authorization": f"Bearer {key or self.master_key}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def cli(self, *arguments: str) -> str:
        """Run `roster ...` on the same data directory and return what it printed."""
        done = run_roster(*arguments, environment={**self.environment, "ROSTER_DATA_DIR": str(self.data_dir)})
        assert done.returncode == 0, done.stderr
        return done.stdout


def run_roster(
    *arguments: str, environment: Mapping[str, str], cwd: Path | None = None, timeout: float = PATIENCE_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [ROSTER, *arguments],
        env=clean_environment(**environment),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
