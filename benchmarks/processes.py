"""The processes under measurement: stub model server and real proxy, stopped whatever happens."""

import compileall
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import yaml

from benchmarks.process_cost import cpu_seconds

REPOSITORY = Path(__file__).resolve().parent.parent
ROSTER = str(Path(sys.executable).with_name("roster"))
_READY = "roster is ready at "
_PATIENCE_SECONDS = 120
_STUB_KEY = "stub-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy that answers, and what its start cost."""

    pid: int
    url: str
    master_key: str
    openwebui_key: str
    start_cpu_seconds: float
    start_wall_seconds: float


def write_byte_code() -> None:
    """Compile our own package; without byte code LiteLLM and we cost about twice as much."""
    compileall.compile_dir(REPOSITORY / "src" / "agentroster", quiet=1)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the developer's settings; byte code is written."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"}}
    return {**kept, "HOME": "/nonexistent", "PYTHONPATH": str(REPOSITORY), **extra}


@contextmanager
def running_stub() -> Generator[str]:
    """Run the stub model server and give its base URL."""
    with _running("benchmarks.stub_model") as url:
        yield f"{url}/v1"


@contextmanager
def running_cards() -> Generator[str]:
    """Run the hub with its model cards and give its URL."""
    with _running("benchmarks.card_server") as url:
        yield url


@contextmanager
def _running(module: str) -> Generator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=REPOSITORY,
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with _stopped_at_the_end(process):
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


@contextmanager
def running_proxy(folder: Path, stub_url: str, extra: Mapping[str, str] | None = None) -> Generator[Proxy]:
    """Run `roster serve` in an empty folder against the stub, with `extra` in its environment.

    Raises SystemExit with its log when it ends early.
    """
    write_many_tools(folder)
    config = folder / "proxy_config.yaml"
    config.write_text(yaml.safe_dump(_config(stub_url)), encoding="utf-8")
    master_key, openwebui_key = f"sk-{secrets.token_hex(16)}", secrets.token_hex(16)
    environment = {
        "LITELLM_MASTER_KEY": master_key,
        "ROSTER_OPENWEBUI_KEY": openwebui_key,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "stub",
        "LLM_API_BASE": stub_url,
        "LLM_API_KEY": _STUB_KEY,
        # One client asks as often as it can.
        "ROSTER_REQUESTS_PER_MINUTE": "0",
        "ROSTER_SKILLS_DIR": str(folder / "skills"),
        **(extra or {}),
    }
    command = [ROSTER, "serve", "--port", "0", "--data-dir", str(folder / "data"), "--config", str(config)]
    log_file = folder / "roster.log"
    begin = time.monotonic()
    with log_file.open("wb") as log:
        # A session of its own: Ctrl-C reaches only the benchmark, which then stops the proxy, once.
        process = subprocess.Popen(
            command, cwd=folder, env=clean_environment(environment), stdout=log, stderr=log, start_new_session=True
        )
    with _stopped_at_the_end(process):
        url = _wait_until_ready(process, log_file)
        yield Proxy(
            pid=process.pid,
            url=url,
            master_key=master_key,
            openwebui_key=openwebui_key,
            start_cpu_seconds=cpu_seconds(process.pid),
            start_wall_seconds=time.monotonic() - begin,
        )


def workers_of(pid: int) -> list[int]:
    """Return the processes that a proxy has started to work on its jobs."""
    found = (path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for children in found for child in children.split()]


@contextmanager
def running_agentos(stub_url: str) -> Generator[tuple[str, int] | None]:
    """Run Agno's own server against the stub; give its URL and process, or None where it cannot be installed."""
    needed = [f"agno[os]=={version('agno')}", "openai", "uvloop", "httptools"]
    command = ["uv", "run", "-q", "--no-project", "--python", sys.executable]
    command += [part for name in needed for part in ("--with", name)]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME"} or name.startswith(("UV_", "SSL_"))
    }
    process = subprocess.Popen(
        [*command, "python", str(REPOSITORY / "benchmarks/agentos_server.py"), stub_url],
        env={**kept, "AGNO_TELEMETRY": "false"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with _stopped_at_the_end(process):
        assert process.stdout is not None
        port, _, pid = process.stdout.readline().decode().partition(" ")
        yield (f"http://127.0.0.1:{port}", int(pid)) if pid else None


def write_many_tools(folder: Path) -> None:
    """Write an agent with a hundred tools."""
    skill = folder / "skills" / "many-tools"
    skill.mkdir(parents=True)
    names = [f"tool_{number}" for number in range(100)]
    text = {"type": "string", "description": "What it is about."}
    schema = {"type": "object", "additionalProperties": False, "required": ["who"], "properties": {"who": text}}
    tools = [{"name": name, "description": "Do one of many things.", "parameters": schema} for name in names]
    manifest = {"name": "many-tools", "title": "Many tools", "description": "Tools.", "kind": "tools", "tools": tools}
    (skill / "skill.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    functions = [f"async def {name}(context, /, who):\n    return {{}}\n" for name in names]
    (skill / "handler.py").write_text("\n".join(functions), encoding="utf-8")
    agent = '[agents.many-tools]\ndescription = "Has a hundred tools."\nskills = ["many-tools"]\n'
    (folder / "agents.toml").write_text(agent, encoding="utf-8")


def help_seconds(times: int) -> float:
    """Return the median wall time of `roster --help`."""
    seconds: list[float] = []
    for _ in range(times):
        begin = time.monotonic()
        subprocess.run([ROSTER, "--help"], env=clean_environment({}), check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - begin)
    return median(seconds)


def _config(stub_url: str) -> dict[str, object]:
    passthrough = {"model": "openai/stub", "api_base": stub_url, "api_key": _STUB_KEY}
    return {
        "model_list": [
            {"model_name": "plain-model", "litellm_params": passthrough},
            {"model_name": "empty-model", "litellm_params": {"model": "empty/fixed"}},
        ],
        "litellm_settings": {
            "custom_provider_map": [{"provider": "empty", "custom_handler": "benchmarks.empty_provider.empty"}]
        },
    }


def _wait_until_ready(process: subprocess.Popen[bytes], log_file: Path) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        log = log_file.read_text(encoding="utf-8", errors="replace")
        if _READY in log and log.endswith("\n"):
            return log.rsplit(_READY, 1)[1].split()[0]
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the proxy did not become ready:\n{log}")
        time.sleep(0.02)


@contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes]) -> Generator[None]:
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        # No-op when it ended by itself.
        process.kill()
        process.wait()
