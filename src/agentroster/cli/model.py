"""`roster model`: the language model behind the agents."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.tables import print_table
from agentroster.errors import BadInput, RosterError

if TYPE_CHECKING:
    from agentroster.llm.completion import ChatModel
    from agentroster.llm.model_check import Finding
    from agentroster.settings import Settings


@click.group()
def model() -> None:
    """The language model behind the agents."""


@model.command("check")
@DATA_DIR
@JSON
def model_check(*, data_dir: Path | None, as_json: bool) -> None:
    """Try the configured model as agents use it: answers, a tool loop, thinking, token counts, a picture."""
    from agentroster.secret_file import load_with_secrets  # noqa: PLC0415 - slow

    settings, _ = load_with_secrets(data_dir=data_dir)
    findings = asyncio.run(_check(settings, show=not as_json))
    if as_json:
        rows = [{"what": found.what, "state": found.state, "note": found.note} for found in findings]
        click.echo(json.dumps(rows, indent=2))
    if any(found.state == "fails" for found in findings[:3]):
        sys.exit(1)


async def _check(settings: "Settings", *, show: bool) -> "list[Finding]":
    from agentroster.llm.backend import Backends  # noqa: PLC0415 - slow
    from agentroster.llm.model_check import check_model  # noqa: PLC0415
    from agentroster.net.client import open_transport  # noqa: PLC0415
    from agentroster.net.egress import Origin  # noqa: PLC0415

    trusted = [Origin.of(settings.api_base)] if settings.api_base else []
    transport = open_transport([(origin.host, origin.port) for origin in trusted])
    choice = Backends(settings, transport, _no_proxy).choose(None)
    if choice is None:
        raise BadInput("No language model is configured: set LLM_PROVIDER and LLM_MODEL.")
    if show:
        click.echo(f"Trying {choice.name} at {choice.server}: this takes a few answers.", err=True)
    try:
        findings = [found async for found in check_model(choice)]
    finally:
        await transport.aclose()
    if show:
        columns = ("what", "state", "note")
        print_table(columns, [{name: getattr(found, name) for name in columns} for found in findings])
    return findings


def _no_proxy() -> "ChatModel":
    raise RosterError("A model of the proxy's own list can only be tried through the running proxy: ask an agent.")
