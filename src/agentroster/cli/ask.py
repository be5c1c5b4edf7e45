"""`roster ask`: one question to an agent of the running proxy."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from agentroster.cli.options import DATA_DIR, JSON, URL
from agentroster.cli.proxy_client import ProxyClient, open_proxy
from agentroster.errors import BadInput
from agentroster.json_values import as_list, as_object

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What would steer a terminal instead of being read."""


@click.command()
@click.argument("agent")
@click.argument("words", nargs=-1, required=True)
@URL
@DATA_DIR
@JSON
def ask(*, agent: str, words: tuple[str, ...], url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Ask an agent of the running proxy, and print its answer as it comes; - reads standard input."""
    text = sys.stdin.read() if words == ("-",) else " ".join(words)
    if not text.strip():
        raise BadInput("There is nothing to ask.")
    model = agent if "/" in agent else f"agno/{agent}"
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": not as_json}
    with open_proxy(data_dir, url) as proxy:
        if as_json:
            click.echo(json.dumps(next(proxy.chat(body)), indent=2))
        else:
            _stream(proxy, body)


def _stream(proxy: ProxyClient, body: dict[str, Any]) -> None:
    ended = True
    for chunk in proxy.chat(body):
        delta = as_object(as_object(next(iter(as_list(chunk.get("choices"))), None)).get("delta"))
        if isinstance(text := delta.get("content"), str) and text:
            click.echo(_STEERING.sub("", text), nl=False)
            ended = text.endswith("\n")
    if not ended:
        click.echo()
