"""`roster credentials`: what people entrusted to the proxy; a secret is never shown."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.tables import print_table, shown_time
from agentroster.errors import BadInput, NotFound

if TYPE_CHECKING:
    from agentroster.credentials.cipher import Owner
    from agentroster.credentials.store import Credential, CredentialStore

_ISSUER = click.option(
    "--issuer",
    type=click.Choice(["roster", "open-webui"]),
    default="roster",
    show_default=True,
    help="Who vouches for the user: own keys, or Open WebUI.",
)
_LONGEST_SECRET = 16_000


@click.group()
def credentials() -> None:
    """Credentials of people: listed, set, deleted, re-encrypted."""


@credentials.command("list")
@click.option("--user", help="Only this user's.")
@DATA_DIR
@JSON
def credentials_list(*, user: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List credentials, without their secret part."""
    store = _store(data_dir)
    rows = [_row(credential) for credential in store.list(user)]
    store.close()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        print_table(("user", "issuer", "provider", "label", "expires", "updated", "key_id"), rows)


@credentials.command("set")
@click.option("--user", required=True, help="Whose credential.")
@click.option("--provider", required=True, help="For which provider, such as jira or github.")
@click.option("--label", default="", help="The account's name, shown in lists.")
@_ISSUER
@DATA_DIR
def credentials_set(*, user: str, provider: str, label: str, issuer: str, data_dir: Path | None) -> None:
    """Store a secret read from standard input."""
    from agentroster.credentials.store import Credential  # noqa: PLC0415 - slow

    secret = sys.stdin.read(_LONGEST_SECRET + 1).strip()
    if not secret or len(secret) > _LONGEST_SECRET:
        raise BadInput("Give the secret on standard input; it is not empty and not overlong.")
    store = _store(data_dir)
    store.put(Credential(owner=_owner(issuer, user, provider), label=label), {"token": secret})
    store.close()
    click.echo(f"The {provider} credential of {user} is stored.")


@credentials.command("delete")
@click.option("--user", required=True, help="Whose credential.")
@click.option("--provider", required=True, help="For which provider.")
@_ISSUER
@DATA_DIR
def credentials_delete(*, user: str, provider: str, issuer: str, data_dir: Path | None) -> None:
    """Delete a credential."""
    store = _store(data_dir)
    found = store.delete(_owner(issuer, user, provider))
    store.close()
    if not found:
        raise NotFound(f"{user} has no {provider} credential; `roster credentials list` shows them all.")
    click.echo(f"The {provider} credential of {user} is deleted.")


@credentials.command("rotate")
@DATA_DIR
def credentials_rotate(data_dir: Path | None) -> None:
    """Re-encrypt everything under the first key of ROSTER_ENCRYPTION_KEY, while the proxy runs."""
    store = _store(data_dir)
    result = store.rotate(lambda done, total: click.echo(f"{done} of {total}", err=True))
    store.close()
    click.echo(f"{result.moved} re-encrypted, {result.left} left, {result.unreadable} unreadable.")
    if result.left:
        raise BadInput("Some credentials are still under an old key: keep it in the ring, and run rotate again.")
    click.echo("Old keys can be removed from ROSTER_ENCRYPTION_KEY now.")


def _store(data_dir: Path | None) -> "CredentialStore":
    from agentroster.credentials.ring import KeyRing  # noqa: PLC0415 - slow
    from agentroster.credentials.store import CredentialStore  # noqa: PLC0415
    from agentroster.secret_file import load_with_secrets  # noqa: PLC0415

    settings, _ = load_with_secrets(data_dir=data_dir)
    return CredentialStore.open(settings.credentials_file, KeyRing.parse(settings.required("encryption_key")))


def _owner(issuer: str, user: str, provider: str) -> "Owner":
    from agentroster.credentials.cipher import Owner  # noqa: PLC0415 - slow

    return Owner(issuer=issuer, subject=user, provider=provider)


def _row(credential: "Credential") -> dict[str, object]:
    owner = credential.owner
    return {
        "user": owner.subject,
        "issuer": owner.issuer,
        "provider": owner.provider,
        "label": credential.label,
        "expires": shown_time(credential.expires_at),
        "updated": shown_time(credential.updated_at),
        "key_id": credential.key_id,
    }
