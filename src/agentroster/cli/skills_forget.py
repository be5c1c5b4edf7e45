"""`roster skills forget`: a skill begins again."""

from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR
from agentroster.cli.stores import open_database
from agentroster.skills.memory import forget_skill


@click.command("forget")
@click.argument("skill")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DATA_DIR
def skills_forget(*, skill: str, yes: bool, data_dir: Path | None) -> None:
    """Delete what a skill remembers of everybody, while the proxy runs."""
    if not yes:
        click.confirm(f"Delete what {skill} remembers of everybody?", abort=True)
    with open_database(data_dir) as database:
        count = database.call(forget_skill, skill)
    click.echo(f"{count} {'memory' if count == 1 else 'memories'} of {skill} deleted.")
