"""Opens the databases of a deployment for a command, and makes nothing where none is."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agentroster.credentials.ring import KeyRing
from agentroster.credentials.secret_file import load_with_secrets
from agentroster.credentials.store import CredentialStore
from agentroster.db.data_folder import in_use
from agentroster.db.database import Database
from agentroster.errors import NotFound
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.settings.settings import Settings, load_settings


@contextmanager
def open_credentials(data_dir: Path | None) -> Generator[CredentialStore]:
    """Open the store of credentials. Raises NotFound in a folder where no proxy ever ran, StartRefused otherwise."""
    _require_deployment(load_settings(data_dir=data_dir))
    settings, _ = load_with_secrets(data_dir=data_dir)
    with in_use(settings.data_dir):
        store = CredentialStore.open(settings.credentials_database, KeyRing.parse(settings.required("encryption_key")))
        try:
            yield store
        finally:
            store.close()


@contextmanager
def open_database(data_dir: Path | None) -> Generator[Database]:
    """Open the database of keys and memories."""
    settings = load_settings(data_dir=data_dir)
    with in_use(settings.data_dir), Database.open(settings.database, ROSTER_SCHEMA) as database:
        yield database


def _require_deployment(settings: Settings) -> None:
    # A mistyped folder must not get keys of its own, under which something would then be stored.
    if settings.encryption_key is None and not (settings.data_dir / "secrets.env").exists():
        raise NotFound(
            f"There is no deployment in {settings.data_dir}: give its --data-dir, or set ROSTER_ENCRYPTION_KEY."
        )
