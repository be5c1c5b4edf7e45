"""`roster serve`: the proxy itself."""

from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR
from agentroster.gateway.serve import serve as run


@click.command()
@click.option("--host", help="Address to listen on (ROSTER_HOST, default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (ROSTER_PORT, default 9501; 0 for any).")
@DATA_DIR
@click.option("--config", type=click.Path(path_type=Path), help="LiteLLM config to extend (default proxy_config.yaml).")
@click.option(
    "--agents-file",
    type=click.Path(path_type=Path),
    help="Agents without code (ROSTER_AGENTS_FILE, default agents.toml).",
)
@click.option("--no-worker", is_flag=True, help="Start no process for jobs: `roster worker` runs elsewhere.")
def serve(
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    config: Path | None,
    agents_file: Path | None,
    no_worker: bool,
) -> None:
    """Serve the agents until Ctrl-C."""
    worker = "off" if no_worker else None
    run(host=host, port=port, data_dir=data_dir, config=config, agents_file=agents_file, worker=worker)
