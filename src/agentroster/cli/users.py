"""`roster users`: a person leaves, or comes back under another id."""

import json
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, ISSUER, JSON
from agentroster.cli.stores import open_credentials, open_database
from agentroster.credentials.people import purge_credentials, relink_credentials
from agentroster.errors import NotFound
from agentroster.identity.keys import purge_keys
from agentroster.jobs.store import JobStore
from agentroster.signals.send import send
from agentroster.signals.topics import KEYS, STOPPED_JOBS
from agentroster.skills.memory import purge_memories, relink_memories


@click.group()
@DATA_DIR_OF_GROUP
def users() -> None:
    """People: remove all that is stored for one, or give it to a new id."""


@users.command("purge")
@click.argument("user")
@ISSUER
@click.option("--yes", is_flag=True, help="Do not ask.")
@DATA_DIR
@JSON
def users_purge(*, user: str, issuer: str, yes: bool, data_dir: Path | None, as_json: bool) -> None:
    """Delete the credentials, keys, memories and jobs of a person; the audit record stays."""
    if not yes:
        click.confirm(f"Delete everything stored for {user} ({issuer})?", abort=True)
    with open_credentials(data_dir) as store, open_database(data_dir) as database:
        counts = {
            "credentials": purge_credentials(store, issuer, user),
            "keys": database.call(purge_keys, issuer, user),
            "memories": database.call(purge_memories, issuer, user),
            "jobs": JobStore(database).purge(issuer, user),
        }
        send(database, KEYS, STOPPED_JOBS)
    click.echo(json.dumps(counts) if as_json else _counted(counts) + " deleted.")


@users.command("relink")
@click.argument("old")
@click.argument("new")
@ISSUER
@DATA_DIR
def users_relink(old: str, new: str, issuer: str, data_dir: Path | None) -> None:
    """Give what is stored for one id to another, after a lost Open WebUI volume, say."""
    with open_credentials(data_dir) as store, open_database(data_dir) as database:
        moved, kept = relink_credentials(store, issuer, old, new)
        counts = {"credentials": moved, "memories": database.call(relink_memories, issuer, old, new)}
        counts["jobs"] = JobStore(database).relink(issuer, old, new)
    if not any(counts.values()) and not kept:
        raise NotFound(f"Nothing is stored for {old} ({issuer}).")
    click.echo(f"{_counted(counts)} now belong to {new}.")
    if kept:
        click.echo(f"{kept} credentials stay with {old}: {new} has its own of the same kind.", err=True)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
