"""Options that several commands share."""

import os
from pathlib import Path

import click


def _for_all_below(_context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        os.environ["ROSTER_DATA_DIR"] = str(value)


DATA_DIR_OF_GROUP = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    expose_value=False,
    callback=_for_all_below,
    help="The same for the command that follows.",
)
"""Before the name of a command: whoever reads settings then finds the folder, as if ROSTER_DATA_DIR were set."""
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
URL = click.option("--url", help="Where the proxy answers (default: ROSTER_HOST and ROSTER_PORT); takes ROSTER_KEY.")
