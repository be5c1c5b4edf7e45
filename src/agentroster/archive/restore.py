"""Puts an archive in place of the databases of a data folder that nobody uses."""

import hashlib
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from agentroster.archive import manifest as form
from agentroster.archive.manifest import Entry, Manifest
from agentroster.archive.settle import revoked_since, settle
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.schema import CREDENTIALS_SCHEMA
from agentroster.db.data_folder import DATABASES, replace_databases, sole_use
from agentroster.errors import BadInput, StartRefused
from agentroster.roster_schema import ROSTER_SCHEMA

_STAGING = "restore-staging"
_READ_BYTES = 1 << 20
_SCHEMAS = {"roster.db": ROSTER_SCHEMA.version, "credentials.db": CREDENTIALS_SCHEMA.version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did: the ending of the old files' names, unfinished jobs that were ended, keys that live again."""

    manifest: Manifest
    aside: str
    ended_jobs: int
    revived_keys: tuple[str, ...]


def restore(data_dir: Path, source: Path, ring: KeyRing | None) -> Restored:
    """Check an archive whole, then replace both databases at once; the old files stay beside them.

    `ring` are the encryption keys, or None where there are none yet. Raises BadInput for a file that is damaged, no
    backup, or newer; StartRefused while a proxy runs or when keys are missing. Nothing is changed then.
    """
    with _opened(source) as archive:
        manifest = _manifest(archive)
        _require_keys(manifest, ring)
        with sole_use(data_dir):
            staging = data_dir / _STAGING
            # Left by one that was killed.
            shutil.rmtree(staging, ignore_errors=True)
            try:
                staging.mkdir(mode=0o700)
                for name in DATABASES:
                    _unpack(archive, name, manifest.databases[name], staging / name)
                ended = settle(staging, ring)
                revived = revoked_since(data_dir, staging)
                aside = replace_databases(data_dir, staging)
            except OSError as error:
                raise BadInput(f"{data_dir} cannot be written: {error.strerror}; nothing was changed.") from error
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return Restored(manifest=manifest, aside=aside, ended_jobs=ended, revived_keys=revived)


def _opened(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except OSError as error:
        raise BadInput(f"{source} cannot be read: {error.strerror}.") from error
    except zipfile.BadZipFile as error:
        raise BadInput(f"{source} is no backup of agentroster, or not a complete one.") from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    # Exactly what `roster backup` writes: a second entry of one name would be read by some and not by others.
    if sorted(archive.namelist()) != sorted((form.NAME, *DATABASES)):
        raise BadInput("This file is no backup of agentroster.")
    try:
        with archive.open(form.NAME) as file:
            text = file.read(form.MAX_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadInput("This backup is damaged.") from error
    return Manifest.from_json(text, _SCHEMAS)


def _require_keys(manifest: Manifest, ring: KeyRing | None) -> None:
    missing = [] if ring is None else sorted(set(manifest.key_ids) - ring.by_id().keys())
    if missing:
        raise StartRefused(
            f"ROSTER_ENCRYPTION_KEY lacks the key {', '.join(missing)}, which this backup needs: "
            "add it after the first key; nothing was changed"
        )


def _unpack(archive: zipfile.ZipFile, name: str, entry: Entry, path: Path) -> None:
    """Write one database, never more of it than the manifest says. Raises BadInput when it is another one."""
    digest, left = hashlib.sha256(), entry.bytes
    path.touch(mode=0o600)
    try:
        with archive.open(name) as source, path.open("wb") as target:
            while piece := source.read(min(_READ_BYTES, left + 1)):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                target.write(piece)
    # What zipfile and zlib raise for damaged, encrypted and unknown entries.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput("This backup is damaged; nothing was changed.") from error
    if left or digest.hexdigest() != entry.sha256:
        raise BadInput(f"This backup is damaged: {name} is not what its manifest says; nothing was changed.")
