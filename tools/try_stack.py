"""Builds the stack and proves it: start, enrich through the published port, stop, start again, everything still there.

`uv run just container-check`; needs Podman with Compose, and systemd for its health checks. The HuggingFace Hub is a
stand-in on this machine. The project, its volumes, secrets and ports are of this run only and are removed at its end.
`--postgres` keeps the data in PostgreSQL, `--all` starts Open WebUI too. COMPOSE names the command, by default
`podman compose`.
"""

import argparse
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from tests.support.stand_ins.hub import HubServer, Repository
from tools import env_file
from tools.env_file import ROOT

_PATIENCE_SECONDS = 240
_CARD = ROOT / "tests/cards/ink_flux.md"
_MODEL = "open('/library/ink.safetensors', 'wb').write(bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b'{}')"
_SIDECAR = "print(open('/library/ink.metadata.json').read())"


@dataclass
class Stack:
    """A compose project of its own."""

    command: list[str]
    services: list[str]
    url: str
    openwebui_url: str

    def compose(self, *arguments: str, given: str = "") -> str:
        """Run a command of compose and return what it printed. Raises SystemExit, with its errors, when it fails."""
        command = [*self.command, *arguments]
        done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, encoding="utf-8", check=False)  # noqa: S603
        if done.returncode:
            sys.exit(f"{shlex.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def inside(self, *arguments: str, given: str = "") -> str:
        """Run a command in the proxy's container."""
        return self.compose("exec", "-T", "proxy", *arguments, given=given)

    def up(self) -> None:
        """Start, and wait until it answers through the published ports."""
        started = time.monotonic()
        self.compose("up", "-d", *self.services)
        _wait_for(f"{self.url}/health/readiness")
        if "openwebui" in self.services:
            _wait_for(f"{self.openwebui_url}/health")
        say(f"up, {time.monotonic() - started:.0f} s")

    def ask(self, key: str, model: str, text: str) -> str:
        """Return an agent's answer, asked for from outside the containers."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        headers = {"authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60) as client:
            answer = client.post("/v1/chat/completions", json=body)
        if answer.is_error:
            sys.exit(f"{model}: {answer.status_code} {answer.text}")
        return answer.json()["choices"][0]["message"]["content"]


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    sys.exit(f"{url} does not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def _hub() -> Iterator[int]:
    hub = HubServer()
    hub.repositories["someone/ink-wash"] = Repository(_CARD.read_text(encoding="utf-8"))
    # The containers reach this machine by a bridge, not by its loopback.
    listener = socket.create_server(("0.0.0.0", 0))  # noqa: S104
    server = uvicorn.Server(uvicorn.Config(hub.app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def prove(stack: Stack, key: str) -> None:
    """Use everything that is kept, stop, start, and find it again."""
    stack.up()
    stack.inside("python", "-c", _MODEL)
    answer = stack.ask(
        key, "agno/enrich-metadata", "enrich ink.safetensors from https://huggingface.co/someone/ink-wash"
    )
    say(answer.splitlines()[-1])
    sidecar = stack.inside("python", "-c", _SIDECAR)
    anna = stack.inside("roster", "keys", "create", "--user", "anna").strip()
    stack.inside("roster", "credentials", "set", "--user", "anna", "--provider", "github", given="ghp_not-a-real-token")
    before = stack.inside("roster", "credentials", "list", "--json")
    stack.compose("down")
    say("down")
    stack.up()
    kept = {
        "the sidecar": "Flux.1 D" in sidecar and stack.inside("python", "-c", _SIDECAR) == sidecar,
        "the key": "palette" in stack.ask(anna, "agno/demo-agent", "/palette teal"),
        "the credential": "anna" in before and stack.inside("roster", "credentials", "list", "--json") == before,
    }
    for what, is_there in kept.items():
        say(f"{what}: {'kept' if is_there else 'LOST'}")
    if not all(kept.values()):
        sys.exit(1)


def main() -> None:
    """Build, prove, clean up."""
    parser = argparse.ArgumentParser(prog="just container-check", description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="keep the data in PostgreSQL")
    parser.add_argument("--all", action="store_true", help="start Open WebUI too")
    options = parser.parse_args()
    services = ["proxy", *(["postgres"] if options.postgres else []), *(["openwebui"] if options.all else [])]
    text, _ = env_file.filled((ROOT / ".env.example").read_text(encoding="utf-8"), postgres=options.postgres)
    ports = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(dir=ROOT) as folder, _hub() as hub_port:
        hub = f"http://host.containers.internal:{hub_port}"
        text += f"PROXY_PORT={ports[0]}\nOPENWEBUI_PORT={ports[1]}\nHF_ENDPOINT={hub}\n"
        file = Path(folder) / ".env"
        env_file.write(file, text)
        compose = shlex.split(os.environ.get("COMPOSE", "podman compose"))
        command = [*compose, "-p", "agentroster-check", "--env-file", str(file)]
        stack = Stack(command, services, *(f"http://127.0.0.1:{port}" for port in ports))
        try:
            stack.compose("build", "proxy")
            say("built")
            prove(stack, env_file.read(text)["LITELLM_MASTER_KEY"])
        finally:
            stack.compose("down", "-v")
            say("removed")


if __name__ == "__main__":
    main()
