"""The command `roster`. Nothing slow is imported before a command needs it."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from agentroster import __version__
from agentroster.errors import RosterError

if TYPE_CHECKING:
    from agentroster.db import Database
    from agentroster.identity.keys import ApiKey

_DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of keys and secrets (ROSTER_DATA_DIR, default ./data)."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roster")
def cli() -> None:
    """Agents for every OpenAI-compatible client."""


def main() -> None:
    """Run the command line: one clear line and exit status 2 for what is refused."""
    try:
        cli(standalone_mode=False)
    except RosterError as error:
        _exit(error.message, 2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _exit("interrupted", 130)


def _exit(message: str, status: int) -> None:
    click.echo(f"roster: {message}", err=True)
    sys.exit(status)


@cli.command()
@click.option("--host", help="Address to listen on (ROSTER_HOST, default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (ROSTER_PORT, default 9501; 0 for any).")
@_DATA_DIR
@click.option("--config", type=click.Path(path_type=Path), help="LiteLLM config to extend (default proxy_config.yaml).")
def serve(host: str | None, port: int | None, data_dir: Path | None, config: Path | None) -> None:
    """Serve the agents until Ctrl-C."""
    from agentroster.serve import serve as run  # noqa: PLC0415 - slow

    run(host=host, port=port, data_dir=data_dir, config=config)


@cli.group()
def keys() -> None:
    """API keys of people and programs."""


@keys.command("create")
@click.option("--user", required=True, help="Who the key is for.")
@click.option("--forwarder", is_flag=True, help="The key's holder may name the user (Open WebUI).")
@click.option("--model", "models", multiple=True, help="Permit only this model, such as agno/demo-agent; repeatable.")
@click.option("--expires-days", type=click.FloatRange(min=0, min_open=True), help="Days until the key expires.")
@_DATA_DIR
@_JSON
def keys_create(
    *,
    user: str,
    forwarder: bool,
    models: tuple[str, ...],
    expires_days: float | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a key and print it, this once."""
    from agentroster.identity.keys import KeyStore  # noqa: PLC0415 - slow

    expires = (datetime.now(UTC) + timedelta(days=expires_days)).timestamp() if expires_days else None
    with _database(data_dir) as database:
        key, secret = KeyStore(database).create(user=user, forwarder=forwarder, models=models, expires_at=expires)
    click.echo(json.dumps({**_key_row(key), "key": secret}) if as_json else secret)
    if not as_json:
        click.echo(
            f"Key {key.id} of {key.user}: it is shown only now; `roster keys revoke {key.id}` ends it.", err=True
        )


@keys.command("list")
@_DATA_DIR
@_JSON
def keys_list(*, data_dir: Path | None, as_json: bool) -> None:
    """List all keys, without their secret part."""
    from agentroster.identity.keys import KeyStore  # noqa: PLC0415 - slow

    with _database(data_dir) as database:
        rows = [_key_row(key) for key in KeyStore(database).list()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        _print_table(("id", "user", "forwarder", "models", "state", "created", "expires", "last_used"), rows)


@keys.command("revoke")
@click.argument("key_id")
@_DATA_DIR
def keys_revoke(key_id: str, data_dir: Path | None) -> None:
    """Make a key useless from its next request on."""
    from agentroster.identity.keys import KeyStore  # noqa: PLC0415 - slow

    with _database(data_dir) as database:
        KeyStore(database).revoke(key_id)
    click.echo(f"Key {key_id} is revoked.")


@cli.command()
@_JSON
def agents(*, as_json: bool) -> None:
    """List the agents, where they come from, and broken plugins."""
    from agentroster.agents.registry import AgentRegistry  # noqa: PLC0415 - slow
    from agentroster.settings import load_settings  # noqa: PLC0415
    from agentroster.skills.registry import SkillRegistry  # noqa: PLC0415

    registry = AgentRegistry.load(load_settings().plugins, SkillRegistry.load())
    rows = [
        {
            "model": spec.model_name,
            "title": spec.shown_title,
            "skills": list(spec.skills),
            "from": registry.origins[spec.name],
        }
        for spec in registry.all()
    ]
    _print_listing(("model", "title", "skills", "from"), rows, registry.broken, as_json=as_json)


@cli.command()
@_JSON
def skills(*, as_json: bool) -> None:
    """List the skills, where they come from, and broken ones."""
    from agentroster.skills.registry import SkillRegistry  # noqa: PLC0415 - slow

    registry = SkillRegistry.load()
    rows = [
        {"skill": skill.manifest.name, "kind": skill.manifest.kind, "title": skill.manifest.title, "from": skill.origin}
        for skill in registry.all()
    ]
    _print_listing(("skill", "kind", "title", "from"), rows, registry.broken, as_json=as_json)


def _database(data_dir: Path | None) -> "Database":
    from agentroster.db import Database  # noqa: PLC0415 - slow
    from agentroster.settings import load_settings  # noqa: PLC0415

    return Database.open(load_settings(data_dir=data_dir).database_file)


def _key_row(key: "ApiKey") -> dict[str, object]:
    return {
        "id": key.id,
        "user": key.user,
        "forwarder": key.forwarder,
        "models": list(key.models),
        "state": key.state(datetime.now(UTC).timestamp()),
        "created": _time(key.created_at),
        "expires": _time(key.expires_at),
        "last_used": _time(key.last_used_at),
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print_listing(
    columns: tuple[str, ...], rows: Sequence[Mapping[str, object]], broken: dict[str, str], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"items": rows, "broken": broken}, indent=2))
        return
    _print_table(columns, rows)
    for name, reason in broken.items():
        click.echo(f"broken, skipped: {name}: {reason}", err=True)


def _print_table(columns: tuple[str, ...], rows: Sequence[Mapping[str, object]]) -> None:
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in (list(columns), *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    match value:
        case list():
            return ",".join(map(str, cast("list[object]", value))) or "-"
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
        case _:
            return str(value)
