"""Options and openings that several commands share."""

from pathlib import Path

import click

DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of keys and secrets (ROSTERDATA_DIR, default ./data)."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
