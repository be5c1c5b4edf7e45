"""`roster models` and `roster status`: what the running proxy says of itself."""

import json
import sys
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR, JSON, URL
from agentroster.cli.proxy_client import open_proxy
from agentroster.cli.tables import print_table
from agentroster.json_values import as_object


@click.command()
@URL
@DATA_DIR
@JSON
def models(*, url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List what the running proxy offers: its agents, and models of its own list."""
    with open_proxy(data_dir, url) as proxy:
        found = proxy.listed("/v1/models")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [{"model": row.get("id"), "title": row.get("name"), "about": row.get("description")} for row in found]
    print_table(("model", "title", "about"), rows)


@click.command()
@URL
@DATA_DIR
@JSON
def status(*, url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Say whether the proxy runs and can do its work; exit status 1 when it cannot."""
    with open_proxy(data_dir, url, with_key=False) as proxy:
        _, body = proxy.get("/health/readiness")
    state = str(body.get("status", "something else answers there"))
    if as_json:
        click.echo(json.dumps({"url": proxy.url, **body}, indent=2))
    else:
        click.echo(f"{proxy.url}: {state}")
        for name, found in as_object(body.get("databases")).items():
            click.echo(f"  {name}: {found}")
    sys.exit(0 if state == "ready" else 1)
