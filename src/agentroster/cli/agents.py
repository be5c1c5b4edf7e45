"""`roster agents`: what there is."""

from pathlib import Path

import click

from agentroster.agents.registry import AgentRegistry
from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.tables import print_listing
from agentroster.settings.settings import load_settings
from agentroster.skills.registry import SkillRegistry


@click.command()
@DATA_DIR
@JSON
def agents(*, data_dir: Path | None, as_json: bool) -> None:
    """List the agents, where they come from, and broken plugins."""
    settings = load_settings(data_dir=data_dir)
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
