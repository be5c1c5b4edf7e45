"""The command `roster`. Nothing slow is imported before a command needs it."""

import sys
from pathlib import Path

import click

from agentroster import __version__
from agentroster.cli.audit import audit
from agentroster.cli.backup import backup, restore
from agentroster.cli.credentials import credentials
from agentroster.cli.enrich import enrich
from agentroster.cli.keys import keys
from agentroster.cli.model import model
from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.skills import skills
from agentroster.cli.tables import print_listing
from agentroster.cli.users import users
from agentroster.errors import RosterError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roster")
def cli() -> None:
    """Agents for every OpenAI-compatible client."""


def main() -> None:
    """Run the command line: one clear line and exit status 2 for what is refused."""
    try:
        cli(standalone_mode=False)
    except RosterError as error:
        details = [f"\n  {complaint}" for complaint in getattr(error, "complaints", ())]
        _exit(error.message + "".join(details), 2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _exit("interrupted", 130)


def _exit(message: str, status: int) -> None:
    click.echo(f"roster: {message}", err=True)
    sys.exit(status)


@cli.command()
@click.option("--host", help="Address to listen on (ROSTER_HOST, default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (ROSTER_PORT, default 9501; 0 for any).")
@DATA_DIR
@click.option("--config", type=click.Path(path_type=Path), help="LiteLLM config to extend (default proxy_config.yaml).")
def serve(host: str | None, port: int | None, data_dir: Path | None, config: Path | None) -> None:
    """Serve the agents until Ctrl-C."""
    from agentroster.serve import serve as run  # noqa: PLC0415 - slow

    run(host=host, port=port, data_dir=data_dir, config=config)


@cli.command()
@JSON
def agents(*, as_json: bool) -> None:
    """List the agents, where they come from, and broken plugins."""
    from agentroster.agents.registry import AgentRegistry  # noqa: PLC0415 - slow
    from agentroster.settings import load_settings  # noqa: PLC0415
    from agentroster.skills.registry import SkillRegistry  # noqa: PLC0415

    settings = load_settings()
    registry = AgentRegistry.load(settings.plugins, SkillRegistry.load(settings.skills_dir))
    rows = [
        {
            "model": spec.model_name,
            "title": spec.shown_title,
            "skills": list(spec.skills),
            "from": registry.origins[spec.name],
        }
        for spec in registry.all()
    ]
    print_listing(("model", "title", "skills", "from"), rows, registry.broken, as_json=as_json)


cli.add_command(keys)
cli.add_command(model)
cli.add_command(credentials)
cli.add_command(users)
cli.add_command(audit)
cli.add_command(backup)
cli.add_command(restore)
cli.add_command(enrich)
cli.add_command(skills)
