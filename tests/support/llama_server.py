"""A real llama-server in front of the tiny model, where there is one on this machine."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import httpx
import pytest

from tests.support.roster_process import clean_environment
from tests.support.tiny_model import NAME, write_model
from tools.llama_server import RECIPE, found

CONTEXT = 16_384
KEY = "llama-canary-key-8c41e0b7"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class LlamaServer:
    """A server that runs; `url` is without `/v1`."""

    url: str
    log: Path

    def get(self, path: str) -> Any:
        return self._ask("GET", path).raise_for_status().json()

    def post(self, body: dict[str, Any]) -> httpx.Response:
        return self._ask("POST", "/v1/chat/completions", json=body)

    def is_busy(self) -> bool:
        return any(slot["is_processing"] for slot in self.get("/slots"))

    def decoded(self) -> int:
        """Return how many tokens the last answer had."""
        return int(self.get("/slots")[0]["next_token"][0]["n_decoded"])

    def _ask(self, method: str, path: str, **extra: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, trust_env=False, timeout=_PATIENCE_SECONDS, **extra
        )


@contextmanager
def llama_server(folder: Path) -> Iterator[LlamaServer]:
    """Start a server with one slot; skips where there is none."""
    command = found()
    if command is None:
        pytest.skip(
            "There is no llama-server, neither in ROSTER_LLAMA_SERVER nor on PATH nor in the cache directory, where "
            f"`{RECIPE}` puts one."
        )
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    arguments = {
        "--model": str(write_model(folder / "tiny.gguf")), "--alias": NAME, "--api-key": KEY, "--host": "127.0.0.1",
        "--port": str(port), "-c": str(CONTEXT), "-np": "1", "--threads": "1",
    }  # fmt: skip
    flat = [word for pair in arguments.items() for word in pair]
    log = folder / "llama-server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [str(command), "--jinja", *flat], cwd=folder, env=clean_environment(), stdout=written, stderr=written
        )
    server = LlamaServer(f"http://127.0.0.1:{port}", log)
    try:
        _wait(process, server)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], server: LlamaServer) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(server):
        said = server.log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, f"llama-server ended early:\n{said}"
        assert time.monotonic() < deadline, f"llama-server does not get ready:\n{said}"
        time.sleep(0.05)


def _is_ready(server: LlamaServer) -> bool:
    try:
        return httpx.get(f"{server.url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False
