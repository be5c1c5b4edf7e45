"""`roster model`: the language model behind the agents."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, JSON
from agentroster.errors import BadInput, RosterError
from agentroster.llm.backend import Backends, ModelChoice
from agentroster.llm.completion import ChatModel
from agentroster.llm.model_check import STATES, WHATS, Finding, check_model
from agentroster.logs import configure_logging
from agentroster.net.client import open_transport
from agentroster.net.egress import Origin
from agentroster.settings.settings import Settings, load_settings


@click.group()
@DATA_DIR_OF_GROUP
def model() -> None:
    """The language model behind the agents."""


@model.command("check")
@DATA_DIR
@JSON
def model_check(*, data_dir: Path | None, as_json: bool) -> None:
    """Try the configured model as agents use it: answers, a tool loop, thinking, token counts, a picture.

    The exit status is 1 when something fails that agents need.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.secrets())
    findings = asyncio.run(_check(settings, show=not as_json))
    if as_json:
        click.echo(json.dumps([asdict(found) for found in findings], indent=2))
    if any(found.state == "fails" for found in findings):
        sys.exit(1)


async def _check(settings: Settings, *, show: bool) -> list[Finding]:
    trusted = [Origin.of(settings.api_base)] if settings.api_base else []
    transport = open_transport([(origin.host, origin.port) for origin in trusted])
    try:
        backends = Backends(settings, transport, _no_proxy)
        choice = backends.choose(None)
        if choice is None:
            raise BadInput("No language model is configured: set LLM_PROVIDER and LLM_MODEL.")
        return await _findings(backends, choice, show=show)
    finally:
        await transport.aclose()


async def _findings(backends: Backends, choice: ModelChoice, *, show: bool) -> list[Finding]:
    """Return the findings, and show each as soon as it is there: a slow model takes minutes."""
    widths = max(map(len, WHATS)), max(map(len, STATES))

    def line(what: str, state: str, note: str) -> None:
        if show:
            click.echo(f"{what:<{widths[0]}}  {state:<{widths[1]}}  {note}".rstrip())

    click.echo(f"Trying {choice.name} at {choice.server}: this takes a few answers.", err=True)
    line("what", "state", "note")
    findings: list[Finding] = []
    async for found in check_model(choice, backends.memory):
        findings.append(found)
        line(found.what, found.state, found.note)
    if len(findings) == 1:
        click.echo("The rest was not tried: it would end in the same way.", err=True)
    return findings


def _no_proxy() -> ChatModel:
    raise RosterError("A model of the proxy's own list can only be tried through the running proxy: ask an agent.")
