"""`roster worker`: works on jobs and nothing else; without a port, and without LiteLLM."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import click
import httpx

from agentroster.cli.options import DATA_DIR
from agentroster.credentials.secret_file import load_with_secrets
from agentroster.db.database import wait_for_server
from agentroster.gateway.worker_process import WORKER_MODELS
from agentroster.jobs.worker import JobWorker
from agentroster.llm.endpoint import Endpoint
from agentroster.logs import configure_logging
from agentroster.net.client import open_transport
from agentroster.net.egress import Origin
from agentroster.operating_system.processes import answer_hang_up, new_event_loop, on_end, on_hang_up
from agentroster.runtime import Runtime
from agentroster.settings.environment import require_usable_connections
from agentroster.settings.settings import Settings

_DATABASE_SECONDS = 60.0
_LAST_SECONDS = 10.0
"""After the proxy is gone: for the record of what is done."""


@click.command()
@DATA_DIR
@click.option(
    "--agents-file",
    type=click.Path(path_type=Path),
    help="Agents without code (ROSTER_AGENTS_FILE, default agents.toml).",
)
@click.option(
    "--proxy-url",
    default="",
    help="Where the proxy answers (default: ROSTER_HOST and ROSTER_PORT), for models of its own list.",
)
@click.option("--name", default="", hidden=True)
def worker(data_dir: Path | None, agents_file: Path | None, proxy_url: str, name: str) -> None:
    """Work on jobs until Ctrl-C, beside a `roster serve --no-worker` on the same data."""
    answer_hang_up(signal.SIG_IGN)
    settings, notice = load_with_secrets(data_dir=data_dir, agents_file=agents_file)
    if notice:
        click.echo(notice)
    configure_logging(settings.secrets(), process="worker")
    if isinstance(settings.database, str):
        wait_for_server(settings.database, _DATABASE_SECONDS, click.echo)
    require_usable_connections()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_work(settings, proxy_url, name))


async def _work(settings: Settings, proxy_url: str, name: str) -> None:
    """Work until SIGTERM or Ctrl-C. A worker with a name is one that `roster serve` started: it ends with it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    on_end(loop, stop.set)
    if name:
        _watch_parent(lambda: loop.call_soon_threadsafe(stop.set))
    url = proxy_url or f"http://{settings.host}:{settings.port}"
    origin = Origin.of(url)
    transport = open_transport([(origin.host, origin.port)])
    runtime = Runtime.open(settings, lambda: _proxy_model(runtime, transport, url), proxy_url, role="worker")
    configure_logging(runtime.secrets(), process="worker")
    jobs = JobWorker(runtime.jobs.store, runtime.jobs.run, runtime.signals, name)
    runtime.signals.start()
    reloader = runtime.reloader()
    reloader.start()
    on_hang_up(loop, reloader.hang_up)
    jobs.start()
    if not name:
        click.echo(f"roster worker is ready and works on the jobs of {settings.data_dir}")
    await stop.wait()
    await jobs.aclose()
    await reloader.aclose()
    await runtime.aclose()
    await transport.aclose()
    if not name:
        click.echo("roster worker stopped")


def _proxy_model(runtime: Runtime, transport: httpx.AsyncHTTPTransport, url: str) -> Endpoint:
    return Endpoint(
        transport,
        base_url=f"{url}{WORKER_MODELS}",
        api_key=runtime.worker_secret.hex(),
        timeout_seconds=runtime.settings.run_seconds,
        name="the proxy",
        advice="the operator looks whether `roster serve` runs there, with the same encryption key",
    )


def _watch_parent(gone: Callable[[], object]) -> None:
    """Call `gone` from a thread once standard input ends, which is when the proxy does, however it does."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        gone()
        # A job that holds up the event loop holds up no end.
        threading.Event().wait(_LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="roster-parent", daemon=True).start()
