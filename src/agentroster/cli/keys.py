"""`roster keys`: API keys of people and programs."""

import json
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, JSON
from agentroster.cli.stores import open_database
from agentroster.cli.tables import print_table, shown_time
from agentroster.errors import BadInput
from agentroster.identity.keys import ApiKey, KeyStore
from agentroster.signals.send import send
from agentroster.signals.topics import KEYS


@click.group()
@DATA_DIR_OF_GROUP
def keys() -> None:
    """API keys of people and programs."""


@keys.command("create")
@click.option("--user", required=True, help="Who the key is for.")
@click.option("--forwarder", is_flag=True, help="The key's holder may name the user (Open WebUI).")
@click.option("--model", "models", multiple=True, help="Permit only this model, such as agno/demo-agent; repeatable.")
@click.option(
    "--expires-days", type=click.FloatRange(min=0, max=36_500, min_open=True), help="Days until the key expires."
)
@click.option("--init", is_flag=True, help="Make the database where no proxy has run yet.")
@DATA_DIR
@JSON
def keys_create(  # noqa: PLR0913 - each option is an argument
    *,
    user: str,
    forwarder: bool,
    models: tuple[str, ...],
    expires_days: float | None,
    init: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a key and print it, this once."""
    if expires_days is not None and not isfinite(expires_days):
        raise BadInput("--expires-days must be a number of days.")
    expires = (datetime.now(UTC) + timedelta(days=expires_days)).timestamp() if expires_days else None
    with open_database(data_dir, make=init) as database:
        key, secret = KeyStore(database).create(user=user, forwarder=forwarder, models=models, expires_at=expires)
    click.echo(json.dumps({**_key_row(key), "key": secret}) if as_json else secret)
    if not as_json:
        click.echo(
            f"Key {key.id} of {key.user}: it is shown only now; `roster keys revoke {key.id}` ends it.", err=True
        )


@keys.command("list")
@DATA_DIR
@JSON
def keys_list(*, data_dir: Path | None, as_json: bool) -> None:
    """List all keys, without their secret part."""
    with open_database(data_dir) as database:
        rows = [_key_row(key) for key in KeyStore(database).list()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_table(("id", "user", "forwarder", "models", "state", "created", "expires", "last_used"), rows)


@keys.command("revoke")
@click.argument("key_id")
@DATA_DIR
def keys_revoke(key_id: str, data_dir: Path | None) -> None:
    """Make a key useless from its next request on."""
    with open_database(data_dir) as database:
        KeyStore(database).revoke(key_id)
        send(database, KEYS)
    click.echo(f"Key {key_id} is revoked.")


def _key_row(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "user": key.user,
        "forwarder": key.forwarder,
        "models": list(key.models),
        "state": key.state(datetime.now(UTC).timestamp()),
        "created": shown_time(key.created_at),
        "expires": shown_time(key.expires_at),
        "last_used": shown_time(key.last_used_at),
    }
