"""Options that several commands share."""

from pathlib import Path

import click

DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of keys and secrets (ROSTER_DATA_DIR, default ./data)."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
ISSUER = click.option(
    "--issuer",
    type=click.Choice(["roster", "open-webui"]),
    default="roster",
    show_default=True,
    help="Who vouches for the user: own keys, or Open WebUI.",
)
