"""`roster users`: a person leaves, or comes back under another id. `roster audit`: who did what."""

import json
from pathlib import Path

import click

from agentroster.cli.opening import open_credentials, open_database
from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, ISSUER, JSON
from agentroster.cli.tables import print_table, shown_time
from agentroster.errors import NotFound


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
    from agentroster.credentials.people import purge_credentials  # noqa: PLC0415 - slow
    from agentroster.identity.people import purge_person  # noqa: PLC0415
    from agentroster.jobs.store import JobStore  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete everything stored for {user} ({issuer})?", abort=True)
    with open_credentials(data_dir) as store, open_database(data_dir) as database:
        counts = {"credentials": purge_credentials(store, issuer, user), **purge_person(database, issuer, user)}
        counts["jobs"] = JobStore(database).purge(issuer, user)
    click.echo(json.dumps(counts) if as_json else _counted(counts) + " deleted.")


@users.command("relink")
@click.argument("old")
@click.argument("new")
@ISSUER
@DATA_DIR
def users_relink(old: str, new: str, issuer: str, data_dir: Path | None) -> None:
    """Give what is stored for one id to another, after a lost Open WebUI volume, say."""
    from agentroster.credentials.people import relink_credentials  # noqa: PLC0415 - slow
    from agentroster.identity.people import relink_person  # noqa: PLC0415
    from agentroster.jobs.store import JobStore  # noqa: PLC0415

    with open_credentials(data_dir) as store, open_database(data_dir) as database:
        moved, kept = relink_credentials(store, issuer, old, new)
        counts = {"credentials": moved, **relink_person(database, issuer, old, new)}
        counts["jobs"] = JobStore(database).relink(issuer, old, new)
    if not any(counts.values()) and not kept:
        raise NotFound(f"Nothing is stored for {old} ({issuer}).")
    click.echo(f"{_counted(counts)} now belong to {new}.")
    if kept:
        click.echo(f"{kept} credentials stay with {old}: {new} has its own of the same kind.", err=True)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


@click.command()
@click.option("--user", help="Only this user's.")
@click.option("--provider", help="Only this provider's.")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many entries.")
@DATA_DIR
@JSON
def audit(*, user: str | None, provider: str | None, last: int, data_dir: Path | None, as_json: bool) -> None:
    """Show who used, added, refreshed, rotated or deleted which credential, newest first."""
    with open_credentials(data_dir) as store:
        entries = store.audit.read(subject=user, provider=provider, most=last)
    rows: list[dict[str, object]] = [
        {
            "time": shown_time(entry.at),
            "user": entry.owner.subject,
            "issuer": entry.owner.issuer,
            "provider": entry.owner.provider,
            "action": entry.act.action,
            "by": entry.act.actor,
            "agent": entry.act.agent,
            "tool": entry.act.tool,
            "outcome": entry.act.outcome,
        }
        for entry in entries
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_table(("time", "user", "provider", "action", "by", "agent", "tool", "outcome"), rows)
