"""`roster credentials`: what people entrusted to the proxy; a secret is never shown."""

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from agentroster.accounts.connect import read_form
from agentroster.accounts.provider import Provider
from agentroster.accounts.registry import ProviderRegistry
from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP, ISSUER, JSON
from agentroster.cli.stores import open_credentials
from agentroster.cli.tables import print_table, shown_time
from agentroster.credentials.backup import export_lines, import_lines
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.rotation import rotate
from agentroster.errors import BadInput, NotFound
from agentroster.settings.settings import load_settings

_MAX_SECRET = 16_000
_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the passphrase; asked for when left out.",
)


@click.group()
@DATA_DIR_OF_GROUP
def credentials() -> None:
    """Credentials of people: listed, set, deleted, re-encrypted, backed up."""


@credentials.command("list")
@click.option("--user", help="Only this user's.")
@DATA_DIR
@JSON
def credentials_list(*, user: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List credentials, without their secret part."""
    with open_credentials(data_dir) as store:
        rows = [_row(credential) for credential in store.list(user)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_table(("user", "issuer", "provider", "label", "state", "expires", "updated", "key_id"), rows)


@credentials.command("set")
@click.option("--user", required=True, help="Whose credential.")
@click.option("--provider", "name", required=True, help="For which provider, such as jira or github.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field that is no secret, such as url.")
@click.option("--label", default="", help="The account's name, shown in lists.")
@ISSUER
@DATA_DIR
def credentials_set(
    *, user: str, name: str, fields: tuple[str, ...], label: str, issuer: str, data_dir: Path | None
) -> None:
    """Store a secret read from standard input. It is not tried at the provider."""
    provider = _provider(name, data_dir)
    values = dict(_pair(field) for field in fields)
    unknown = values.keys() - {one.name for one in provider.fields if not one.secret}
    if unknown:
        raise BadInput(f"{provider.title} has no field {', '.join(sorted(unknown))}: {provider.token_usage}")
    secret = sys.stdin.read(_MAX_SECRET + 1).strip()
    if not secret or len(secret) > _MAX_SECRET:
        raise BadInput("Give the secret on standard input; it is not empty and not overlong.")
    secrets = {one.name: secret for one in provider.fields if one.secret}
    with open_credentials(data_dir) as store:
        store.put(Credential(owner=_owner(issuer, user, name), label=label), read_form(provider, {**values, **secrets}))
    click.echo(f"The {name} credential of {user} is stored.")


@credentials.command("delete")
@click.option("--user", required=True, help="Whose credential.")
@click.option("--provider", required=True, help="For which provider.")
@ISSUER
@DATA_DIR
def credentials_delete(*, user: str, provider: str, issuer: str, data_dir: Path | None) -> None:
    """Delete a credential here; the account's owner removes the token at the provider."""
    with open_credentials(data_dir) as store:
        found = store.delete(_owner(issuer, user, provider))
    if not found:
        raise NotFound(f"{user} has no {provider} credential; `roster credentials list` shows them all.")
    click.echo(f"The {provider} credential of {user} is deleted.")


@credentials.command("rotate")
@DATA_DIR
def credentials_rotate(data_dir: Path | None) -> None:
    """Re-encrypt everything under the first key of ROSTER_ENCRYPTION_KEY, while the proxy runs."""
    with open_credentials(data_dir) as store:
        result = rotate(store, lambda done, total: click.echo(f"{done} of {total}", err=True))
    click.echo(f"{result.moved} re-encrypted, {result.left} left, {result.unreadable} unreadable.")
    if result.left:
        raise BadInput("Some credentials are still under an old key: keep it in the ring, and run rotate again.")
    click.echo("Old keys can be removed from ROSTER_ENCRYPTION_KEY now.")


@credentials.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@_PASSPHRASE
@DATA_DIR
def credentials_export(file: Path, passphrase_file: Path | None, data_dir: Path | None) -> None:
    """Write a backup that opens with a passphrase instead of the encryption key."""
    passphrase = _passphrase(passphrase_file, confirm=True)
    with open_credentials(data_dir) as store, _new_private_file(file) as output:
        lines = list(export_lines(store, passphrase))
        output.writelines(f"{line}\n" for line in lines)
    click.echo(f"{len(lines) - 2} credentials written to {file}.")


@contextmanager
def _new_private_file(path: Path) -> Generator[TextIO]:
    """Open a file that did not exist, for its owner only; it is removed again when writing it fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInput(f"{path} exists: choose another name; a backup is never written over.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@credentials.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Overwrite credentials that exist; otherwise they are kept.")
@_PASSPHRASE
@DATA_DIR
def credentials_import(*, file: Path, replace: bool, passphrase_file: Path | None, data_dir: Path | None) -> None:
    """Read a backup, all or nothing."""
    passphrase = _passphrase(passphrase_file, confirm=False)
    with open_credentials(data_dir) as store:
        done = import_lines(store, passphrase, file.read_text(encoding="utf-8").splitlines(), replace=replace)
    click.echo(f"{done.written} credentials imported, {done.kept} kept as they are.")


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))


def _provider(name: str, data_dir: Path | None) -> Provider:
    provider = ProviderRegistry.load(load_settings(data_dir=data_dir)).get(name)
    if not provider.fields:
        raise BadInput(f"{provider.title} is connected by signing in, not by a token: /connect {name} in a chat.")
    return provider


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"--field {text}: write it as NAME=VALUE.")
    return name, value


def _owner(issuer: str, user: str, provider: str) -> Owner:
    return Owner(issuer=issuer, subject=user, provider=provider)


def _row(credential: Credential) -> dict[str, object]:
    owner = credential.owner
    return {
        "user": owner.subject,
        "issuer": owner.issuer,
        "provider": owner.provider,
        "label": credential.label,
        "state": credential.state,
        "scopes": list(credential.scopes),
        "expires": shown_time(credential.expires_at),
        "updated": shown_time(credential.updated_at),
        "key_id": credential.key_id,
    }
