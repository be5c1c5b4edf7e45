"""`roster skills`: what there is, a run of one, a new one, and what is wrong with one."""

import logging
import sys
from pathlib import Path

import click

from agentroster.cli.lazy_group import LazyCommand, LazyGroup
from agentroster.cli.options import DATA_DIR_OF_GROUP, JSON
from agentroster.cli.tables import print_listing
from agentroster.settings.settings import load_settings
from agentroster.skills.check import check_folder
from agentroster.skills.registry import SkillRegistry
from agentroster.skills.skeleton import write_skeleton

_RUN = LazyCommand(
    "run",
    "agentroster.cli.skills_run:skills_run",
    "Run a pipeline skill here, without a proxy; exit status 1 when an item failed.",
)
_FORGET = LazyCommand(
    "forget",
    "agentroster.cli.skills_forget:skills_forget",
    "Delete what a skill remembers of everybody, while the proxy runs.",
)


@click.group(cls=LazyGroup, commands=[_RUN, _FORGET], invoke_without_command=True)
@DATA_DIR_OF_GROUP
@JSON
@click.pass_context
def skills(context: click.Context, *, as_json: bool) -> None:
    """List the skills, where they come from, and broken ones; or run one."""
    if context.invoked_subcommand is not None:
        return
    # The list names the broken ones itself.
    logging.getLogger("agentroster").addHandler(logging.NullHandler())
    settings = load_settings()
    registry = SkillRegistry.load(settings.skills_dir, settings.plugins)
    rows = [
        {"skill": skill.manifest.name, "kind": skill.manifest.kind, "title": skill.manifest.title, "from": skill.origin}
        for skill in registry.all()
    ]
    print_listing(("skill", "kind", "title", "from"), rows, registry.broken, as_json=as_json)


@skills.command("check")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@DATA_DIR_OF_GROUP
def skills_check(folder: Path) -> None:
    """Load one folder as the proxy would, and say what is wrong with it."""
    skill, problems = check_folder(folder.resolve())
    for problem in problems:
        click.echo(problem, err=True)
    if skill is None or problems:
        sys.exit(2)
    count = len(skill.tools)
    click.echo(f"{folder}: fine ({skill.manifest.kind}, {count} {'tool' if count == 1 else 'tools'})")


@skills.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["tools", "pipeline", "prompt"]), default="tools", show_default=True)
@click.option(
    "--dir",
    "parent",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the folder is made (ROSTER_SKILLS_DIR, else here).",
)
@DATA_DIR_OF_GROUP
def skills_new(name: str, kind: str, parent: Path | None) -> None:
    """Write the folder of a new skill, with a test; a folder that exists is left alone.

    Of kind prompt it is a standard SKILL.md.
    """
    parent = parent or load_settings().skills_dir or Path()
    folder = write_skeleton(parent, name, kind)
    files = "skill.yaml (what it declares), handler.py (what it does), prompt.md (what the model is told)"
    steps = [
        f"Edit {files if kind != 'prompt' else 'SKILL.md (what the model is told)'}.",
        f"roster skills check {folder}",
        f"pytest {folder}",
        f"ROSTER_SKILLS_DIR={parent.resolve()} roster skills",
    ]
    click.echo(
        f"The skill {name} is in {folder}. It works; make it yours:\n"
        + "".join(f"  {number}. {step}\n" for number, step in enumerate(steps, start=1))
        + f"An agent uses it when its AgentSpec names it: skills=[{name!r}]."
    )
