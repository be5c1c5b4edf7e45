"""`roster skills run`: a pipeline in the command itself."""

import json
import sys
from pathlib import Path
from typing import cast

import click

from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.running import run_skill
from agentroster.errors import BadInput


@click.command("run")
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
