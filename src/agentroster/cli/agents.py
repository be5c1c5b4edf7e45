"""`roster agents`: what there is and where it comes from, and what is wrong with a file of agents."""

import json
import logging
import sys
from pathlib import Path

import click

from agentroster.agents.check import check_file
from agentroster.agents.registry import AgentRegistry
from agentroster.agents.roster import Roster
from agentroster.agents.sources import FoundAgent
from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, JSON
from agentroster.cli.tables import print_listing
from agentroster.settings.settings import Settings, load_settings
from agentroster.skills.registry import SkillRegistry


@click.group(invoke_without_command=True)
@DATA_DIR_OF_GROUP
@JSON
@click.pass_context
def agents(context: click.Context, *, as_json: bool) -> None:
    """List the agents: where they come from, which language model they use, and what is wrong with others."""
    if context.invoked_subcommand is not None:
        return

    _silence_log()
    settings = load_settings()
    registry = AgentRegistry.load(settings, SkillRegistry.load(settings.skills_dir))
    rows = [_row(agent, registry.now, settings) for agent in registry.now.agents.values()]
    columns = ("model", "title", "skills", "from", "uses", "state")
    print_listing(columns, rows, registry.broken, as_json=as_json)


@agents.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@DATA_DIR
@JSON
def agents_check(*, file: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Say what is wrong with a file of agents, by default the one that would be served, and where.

    The exit status is 1 when something is wrong.
    """
    _silence_log()
    settings = load_settings(data_dir=data_dir, agents_file=file)
    found = check_file(settings)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        for problem in found.problems:
            click.echo(problem, err=True)
        if not found.problems:
            click.echo(
                f"{found.path}: fine ({_count(len(found.agents), 'agent')}, {_count(len(found.backends), 'backend')})"
            )
    if found.problems:
        sys.exit(1)


def _row(agent: "FoundAgent", roster: "Roster", settings: "Settings") -> dict[str, object]:
    spec = agent.spec
    return {
        "model": spec.model_name,
        "title": spec.display_name,
        "skills": list(spec.skills),
        "from": agent.origin,
        "uses": _model_of(agent, roster, settings),
        "state": "ready" if spec.enabled else "disabled",
    }


def _model_of(agent: "FoundAgent", roster: "Roster", settings: "Settings") -> str:
    """Return `MODEL at BACKEND`, or `offline`."""
    spec = agent.spec
    backend = roster.backends.get(spec.backend or "")
    if backend is not None:
        return f"{spec.model or backend.model} at {backend.name}"
    model = spec.model or settings.model
    if model is not None and model.startswith("proxy/"):
        return model
    return f"{model} at {settings.provider}" if model and settings.provider != "offline" else "offline"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _silence_log() -> None:
    # What is broken is said by the command itself.
    logging.getLogger("agentroster").addHandler(logging.NullHandler())
