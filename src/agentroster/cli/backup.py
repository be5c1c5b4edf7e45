"""`roster backup` and `roster restore`: both databases as one file, without the encryption key."""

import shlex
from pathlib import Path

import click
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from agentroster.archive.backup import write_backup
from agentroster.archive.restore import restore as put_back
from agentroster.cli.options import DATA_DIR
from agentroster.credentials.secret_file import read_ring
from agentroster.errors import BadInput
from agentroster.settings.settings import Settings, load_settings

# Of an address only what is no secret goes into a command line that others can read.
_PLAIN_OPTIONS = {"host", "port", "sslmode", "sslrootcert"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@DATA_DIR
def backup(file: Path, data_dir: Path | None) -> None:
    """Write keys, memories, jobs, credentials and audit into a new FILE, while the proxy runs.

    Not the encryption key: keep secrets.env in another place.
    """
    settings = _with_files(data_dir, "pg_dump --format=custom --no-owner --file={file} {database}", file)
    manifest = write_backup(settings.data_dir, file)
    click.echo(f"roster.db and credentials.db of {manifest.made_at} are in {file}.")
    if manifest.key_ids:
        click.echo(f"Its credentials open with the encryption key {', '.join(manifest.key_ids)}, which is not in it.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@DATA_DIR
def restore(file: Path, data_dir: Path | None) -> None:
    """Put what FILE holds in place of what is there, while no proxy runs; the old files are kept aside."""
    command = "pg_restore --clean --if-exists --no-owner --single-transaction --dbname={database} {file}"
    settings = _with_files(data_dir, command, file)
    ring = read_ring(settings)
    done = put_back(settings.data_dir, file, ring)
    click.echo(f"roster.db and credentials.db of {done.manifest.made_at} are in place.")
    click.echo(f"What was there is kept as *{done.aside}; delete it when all is well.")
    if ring is None and done.manifest.key_ids:
        click.echo(f"Before the start put the encryption key {', '.join(done.manifest.key_ids)} into secrets.env.")
    if done.ended_jobs:
        click.echo(f"{done.ended_jobs} unfinished jobs were ended, so that nothing is done twice.")
    if done.revived_keys:
        click.echo(f"Revoked since that backup, and valid again: {', '.join(done.revived_keys)}. See roster keys list.")


def _with_files(data_dir: Path | None, command: str, file: Path) -> Settings:
    """Return the settings of a deployment with SQLite files. Raises BadInput, with the command, for PostgreSQL."""
    settings = load_settings(data_dir=data_dir)
    if isinstance(settings.database, str):
        line = command.format(file=shlex.quote(str(file)), database=shlex.quote(_without_password(settings.database)))
        raise BadInput(f"Everything is in PostgreSQL, so its own program does this (password in PGPASSWORD): {line}")
    return settings


def _without_password(address: str) -> str:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise BadInput("ROSTER_DATABASE_URL is not a valid address of a database.") from error
    query = {name: value for name, value in url.query.items() if name in _PLAIN_OPTIONS}
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return shown.render_as_string(hide_password=False)
