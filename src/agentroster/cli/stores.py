"""Opens the databases of a deployment for a command, and makes nothing where none is."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory

from cryptography.fernet import Fernet
from pydantic import SecretStr

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
def open_database(data_dir: Path | None, *, make: bool = False) -> Generator[Database]:
    """Open the database of keys and memories. Raises NotFound in a folder where none is, unless it is to `make` one."""
    settings = load_settings(data_dir=data_dir)
    database = settings.database
    if not make and isinstance(database, Path) and not database.exists():
        _require_deployment(settings)
    with in_use(settings.data_dir), Database.open(settings.database, ROSTER_SCHEMA) as database:
        yield database


@contextmanager
def deployment_or_none(data_dir: Path | None, library: Sequence[Path]) -> Generator[Settings]:
    """Give the settings of the deployment there is, and where none is, those of one that is gone at the end.

    Work on model files needs no keys of anybody: none are made, and no folder beside the models.
    """
    options = {"data_dir": data_dir, "library": tuple(library) or None}
    settings = load_settings(**options)
    if _is_deployment(settings):
        yield load_with_secrets(**options)[0]
        return
    with TemporaryDirectory(prefix="roster-") as folder:
        made = {"master_key": token_urlsafe(32), "encryption_key": Fernet.generate_key().decode()}
        given = {name: SecretStr(value) for name, value in made.items()}
        yield settings.model_copy(update={**given, "data_dir": Path(folder), "database_url": None})


def _is_deployment(settings: Settings) -> bool:
    return settings.encryption_key is not None or (settings.data_dir / "secrets.env").exists()


def _require_deployment(settings: Settings) -> None:
    # A mistyped folder must not get keys of its own, under which something would then be stored.
    if not _is_deployment(settings):
        raise NotFound(
            f"There is no deployment in {settings.data_dir}: start `roster serve` first, give the --data-dir of one "
            "that has run, or set ROSTER_ENCRYPTION_KEY."
        )
