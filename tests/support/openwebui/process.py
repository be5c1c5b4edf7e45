"""The real Open WebUI as a process."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.roster_process import PATIENCE_SECONDS, clean_environment

# What the image sets, and what keeps a start off the network; all that is ours is in compose.yaml.
SLIM = {
    "USE_SLIM_DOCKER": "true",
    "HF_HUB_OFFLINE": "1",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
}


@dataclass
class OpenWebUIProcess:
    """`open-webui serve` on a free port, with a folder of its own."""

    folder: Path
    command: Path
    environment: Mapping[str, str]
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> str:
        return (self.folder / "openwebui.log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> "OpenWebUIProcess":
        """Start; `wait` waits for its end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        own = {"DATA_DIR": str(self.folder), "STATIC_DIR": str(self.folder / "static")}
        own |= {"WEBUI_URL": self.url, "CORS_ALLOW_ORIGIN": self.url}
        environment = clean_environment(**SLIM | dict(self.environment) | own)
        with (self.folder / "openwebui.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(self.command), "serve", "--host", "127.0.0.1", "--port", str(port)],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        return self

    def wait(self) -> "OpenWebUIProcess":
        """Wait until it answers."""
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.http() as client:
            while not _is_healthy(client):
                assert self.process.poll() is None, f"Open WebUI ended early:\n{self.log}"
                assert time.monotonic() < deadline, f"Open WebUI does not answer:\n{self.log}"
                time.sleep(0.1)
        return self

    def http(self, token: str = "") -> httpx.Client:
        """Return a client, of a user when a token is given."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def stop(self) -> None:
        """End it."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def _is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
