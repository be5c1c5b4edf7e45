"""`roster demo`: two small model files to try agents with, without a network and without a model of one's own."""

from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR
from agentroster.errors import BadInput
from agentroster.library.samples import sample_files, write_new
from agentroster.settings.settings import load_settings


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@DATA_DIR
def demo(folder: Path | None, data_dir: Path | None) -> None:
    """Put two small model files into a folder, to try agents without a network.

    A file of the same name that is there stays as it is.
    """
    library = load_settings(data_dir=data_dir).library
    folder = folder or next(iter(library), None)
    if folder is None:
        raise BadInput("Name the folder, for example `roster demo ~/models`, or set ROSTER_LIBRARY.")
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sample_files().items():
        made = write_new(folder / name, content)
        click.echo(f"{'made' if made else 'left as it was:'} {folder / name}")
    click.echo(
        f"They hold no weights, only what such files say of themselves. Try: roster enrich {folder}\n"
        f"or, with ROSTER_LIBRARY={folder} and `roster serve` running: roster ask enrich-metadata 'enrich everything'"
    )
