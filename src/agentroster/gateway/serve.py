"""`roster serve`: check everything, then start LiteLLM and our app in one process on one port."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click
import httpx

from agentroster.credentials.secret_file import load_with_secrets
from agentroster.db.database import wait_for_server
from agentroster.errors import RosterError, StartRefused
from agentroster.gateway.config.lane import choose_lane
from agentroster.gateway.config.proxy_config import build_config, read_config, write_config
from agentroster.gateway.first_look import library_notices
from agentroster.gateway.leaving import leave
from agentroster.gateway.worker_process import WorkerProcess
from agentroster.llm.completion import ChatModel
from agentroster.llm.presence import tell_model
from agentroster.logs import configure_logging, redactor
from agentroster.messages import catalogue
from agentroster.operating_system.processes import ENDS, answer_hang_up, claim_port, new_event_loop
from agentroster.runtime import Runtime
from agentroster.settings.environment import require_usable_connections, use_known_time_zone
from agentroster.settings.settings import Settings

logger = logging.getLogger(__name__)

_DEFAULT_CONFIG = "proxy_config.yaml"
_DATABASE_SECONDS = 60.0

# What the dependencies would otherwise do by themselves: fetch a price list, send telemetry, show an admin
# page. Set before their import; `AGNO_TELEMETRY` beats even Agno's own constructor argument.
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "AGNO_TELEMETRY": "false",
    "DISABLE_ADMIN_UI": "true",
    "NO_DOCS": "True",
    "NO_REDOC": "True",
    "NO_OPENAPI": "True",
}


def serve(**options: object) -> None:
    """Serve until interrupted. Raises StartRefused, before the port answers, when something is not right."""
    for number in ENDS:
        signal.signal(number, leave)
    settings, notice = load_with_secrets(**options)
    answer_hang_up(_hang_up)
    listener = _listen(settings)
    if notice:
        click.echo(notice)
    configure_logging(settings.secrets())
    if isinstance(settings.database, str):
        wait_for_server(settings.database, _DATABASE_SECONDS, click.echo)
    require_usable_connections()
    use_known_time_zone()
    _prepare_environment(settings)
    with listener, asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(settings, listener))


def _hang_up(_signal: int, _frame: FrameType | None) -> None:
    """Answer a SIGHUP before anything is served, or after: it would end the process."""
    logger.info("SIGHUP: nothing is served now, so there is nothing to reload")


def _listen(settings: Settings) -> socket.socket:
    """Bind the port first: everything after it is slow."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        claim_port(listener)
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        raise StartRefused(
            f"{settings.host}:{settings.port} cannot be used: {(error.strerror or str(error)).lower()}; "
            "stop what uses it or choose another --port"
        ) from error
    return listener


def _prepare_environment(settings: Settings) -> None:
    os.environ.update(_ENVIRONMENT)
    os.environ["LITELLM_MASTER_KEY"] = settings.required("master_key")
    # Also those that came as NAME_FILE, for `os.environ/NAME` in the proxy config.
    os.environ.update(settings.provider_keys)
    os.environ["CONFIG_FILE_PATH"] = str(_generated_config(settings))
    config = _user_config(settings)
    if config is not None:
        # LiteLLM looks for an operator's callbacks beside the config it is given, which is the generated one.
        sys.path.append(str(config.resolve().parent))
    # Found in the environment, this would make LiteLLM connect to a database we do not want.
    for name in ("DATABASE_URL", "WORKER_CONFIG"):
        os.environ.pop(name, None)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    runtime = Runtime.open(settings, _router_model, _url(listener), role="serve")
    given = read_config(_user_config(settings))
    lane = choose_lane(settings.lane, given, os.environ)
    config = build_config(given, runtime.agents.all(), settings.provider_keys)
    write_config(config, _generated_config(settings))

    click.echo("roster is starting, which takes about 10 seconds")
    click.echo(lane.line)
    # Imported late: LiteLLM takes seconds, and reads the environment that was just prepared.
    try:
        from agentroster.gateway.app import build_app  # noqa: PLC0415
        from agentroster.gateway.http_protocol import WireLimits  # noqa: PLC0415
        from agentroster.gateway.server import Server, server_config  # noqa: PLC0415
    except RosterError:
        raise
    except Exception as error:
        # A variable that LiteLLM or another library reads while it is imported.
        told = redactor.clean(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
        raise StartRefused(f"LiteLLM cannot be loaded ({told}): check the variables of the environment") from error

    catalogue.load()
    app = build_app(runtime, config, has_lane=lane.is_direct)
    configure_logging(runtime.secrets())
    url = _url(listener)
    limits = WireLimits(head_timeout=settings.head_seconds, max_connections=settings.max_connections)
    worker = WorkerProcess(settings, runtime.jobs, runtime.signals, url)
    server = Server(
        server_config(app, limits, settings.trusted_proxies),
        lambda: _announce(url, runtime, worker),
        lambda: worker.stop_with(runtime.requests.stop(settings.grace_seconds)),
    )
    try:
        with suppress(SystemExit):
            await server.serve(sockets=[listener])
    finally:
        await worker.aclose()
    if not server.started:
        raise StartRefused("LiteLLM did not start: the lines above say why; check the proxy config")
    if server.unanswered:
        raise StartRefused("The proxy started but does not answer: the lines above say why")
    click.echo("roster stopped")


def _router_model() -> ChatModel:
    from agentroster.gateway.litellm.router_model import RouterModel  # noqa: PLC0415 - imports LiteLLM

    return RouterModel()


async def _announce(url: str, runtime: Runtime, worker: WorkerProcess) -> None:
    """Say that requests are answered, once one is and nothing slow is left to be imported by the next."""
    settings = runtime.settings
    headers = {"authorization": f"Bearer {settings.required('master_key')}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        (await client.get("/v1/models")).raise_for_status()
    if settings.provider != "offline" or runtime.agents.backends():
        await runtime.answers.runner.prepare()
    # What is loaded by now stays: a full collection over LiteLLM's 700,000 objects would stall every stream.
    gc.collect()
    gc.freeze()
    agents = ", ".join(spec.model_name for spec in runtime.agents.all())
    click.echo(f"roster is ready at {url} with {agents or 'no agents'}")
    worker.start()
    for notice in await asyncio.to_thread(library_notices, settings.library):
        click.echo(notice)
    await tell_model(settings, runtime.model_transport)


def _user_config(settings: Settings) -> Path | None:
    if settings.config is not None:
        return settings.config
    default = Path(_DEFAULT_CONFIG)
    return default if default.exists() else None


def _generated_config(settings: Settings) -> Path:
    return settings.data_dir.resolve() / "litellm_config.yaml"


def _url(listener: socket.socket) -> str:
    address: tuple[str, int] = listener.getsockname()[:2]
    host, port = address
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host) or host  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
