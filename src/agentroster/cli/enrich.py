"""`roster enrich`: complete the sidecars of model files, without a proxy."""

import sys
from pathlib import Path

import click

from agentroster.cli.address_map import read_map
from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.running import run_skill

_FIELDS = ("base_model", "trainedWords", "modelDescription", "civitai.description")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, resolve_path=True))
@click.option("--from", "source", help="The HuggingFace address of the one file that is given.")
@click.option(
    "--map",
    "address_map",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A CSV with the columns file and address: where the cards of many files are.",
)
@click.option("--overwrite", multiple=True, type=click.Choice(_FIELDS), help="Replace this field although it is set.")
@click.option("--refresh", is_flag=True, help="Replace what an earlier run wrote and nobody has changed since.")
@click.option("--dry-run", is_flag=True, help="Show the changes as a diff, and write nothing.")
@DATA_DIR
@JSON
def enrich(  # noqa: PLR0913 - each option is an argument
    *,
    paths: tuple[Path, ...],
    source: str | None,
    address_map: Path | None,
    overwrite: tuple[str, ...],
    refresh: bool,
    dry_run: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Complete the sidecars of files and folders from their HuggingFace model cards."""
    arguments: dict[str, object] = {"targets": [str(path) for path in paths]}
    arguments |= {"source": source} if source else {}
    arguments |= {"overwrite": list(overwrite)} if overwrite else {}
    arguments |= {"refresh": True} if refresh else {}
    roots = {path if path.is_dir() else path.parent for path in paths}
    arguments |= {"sources": read_map(address_map, sorted(roots))} if address_map else {}
    status = run_skill(
        "enrich-hf-metadata",
        arguments,
        data_dir=data_dir,
        library=sorted(roots),
        as_json=as_json,
        dry_run=dry_run,
    )
    sys.exit(status)
