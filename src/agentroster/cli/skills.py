"""`roster skills`: what there is, and a run of one from the command line."""

import json
import sys
from pathlib import Path
from typing import cast

import click

from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.running import run_skill
from agentroster.cli.tables import print_listing
from agentroster.errors import BadInput


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def skills(context: click.Context, *, as_json: bool) -> None:
    """List the skills, where they come from, and broken ones; or run one."""
    if context.invoked_subcommand is not None:
        return
    from agentroster.settings import load_settings  # noqa: PLC0415 - slow
    from agentroster.skills.registry import SkillRegistry  # noqa: PLC0415

    registry = SkillRegistry.load(load_settings().skills_dir)
    rows = [
        {"skill": skill.manifest.name, "kind": skill.manifest.kind, "title": skill.manifest.title, "from": skill.origin}
        for skill in registry.all()
    ]
    print_listing(("skill", "kind", "title", "from"), rows, registry.broken, as_json=as_json)


@skills.command("run")
@click.argument("name")
@click.option("--input", "text", required=True, help="The skill's input as JSON; - reads standard input.")
@click.option("--dry-run", is_flag=True, help="Show the changes as a diff, and write nothing.")
@DATA_DIR
@JSON
def skills_run(*, name: str, text: str, dry_run: bool, data_dir: Path | None, as_json: bool) -> None:
    """Run a pipeline skill here, without a proxy; exit status 1 when an item failed."""
    try:
        value: object = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise BadInput("--input is not valid JSON.") from error
    if not isinstance(value, dict):
        raise BadInput("--input must be a JSON object.")
    arguments = cast("dict[str, object]", value)
    sys.exit(run_skill(name, arguments, data_dir=data_dir, as_json=as_json, dry_run=dry_run))
