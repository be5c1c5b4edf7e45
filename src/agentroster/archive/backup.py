"""Takes an archive of both databases while the proxy goes on writing."""

import hashlib
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from agentroster import __version__
from agentroster.archive import manifest as form
from agentroster.archive.manifest import Entry, Manifest
from agentroster.db.data_folder import DATABASES, in_use
from agentroster.errors import BadInput, NotFound
from agentroster.operating_system.folders import sync_path

_READ_BYTES = 1 << 20
_BUSY_SECONDS = 10.0


def write_backup(data_dir: Path, target: Path) -> Manifest:
    """Write both databases, as they were at one moment, into a new file for its owner only.

    The file appears complete or not at all. Raises BadInput when it exists, cannot be written, or a database is
    damaged; NotFound where no proxy ever ran.
    """
    if os.path.lexists(target):
        raise BadInput(f"{target} exists: choose another name; a backup is never written over.")
    if not all((data_dir / name).is_file() for name in DATABASES):
        raise NotFound(f"There is nothing to back up in {data_dir}: no proxy ever ran there. Give its --data-dir.")
    try:
        with in_use(data_dir), _work_folder(target) as folder:
            entries, key_ids = _copies(data_dir, folder)
            made_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            manifest = Manifest(version=__version__, made_at=made_at, databases=entries, key_ids=key_ids)
            _pack(folder, manifest)
            _publish(folder / "archive", target)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {error.strerror or 'an error of the disk'}.") from error
    return manifest


@contextmanager
def _work_folder(target: Path) -> Generator[Path]:
    # Beside the target, where there must be room anyway. After a kill it stays, readable for its owner only.
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copies(data_dir: Path, folder: Path) -> tuple[dict[str, Entry], tuple[str, ...]]:
    """Copy both databases into the folder; return what the manifest says of them, and the ids of the keys in use."""
    with ExitStack() as stack:
        sources = {name: stack.enter_context(closing(_connect(data_dir / name))) for name in DATABASES}
        try:
            # Both snapshots begin here: what is written while they are copied is in neither. That of the credentials is
            # first: a person's key is made before anything is stored for them, so nobody's credential is without it.
            for name in reversed(DATABASES):
                source = sources[name]
                source.execute("BEGIN").connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
            for name, source in sources.items():
                _copy(name, source, folder / name)
            entries = {name: _entry(folder / name) for name in DATABASES}
            rows = sources["credentials.db"].execute("SELECT DISTINCT key_id FROM credentials ORDER BY key_id")
            return entries, tuple(str(row[0]) for row in rows)
        except sqlite3.Error as error:
            raise BadInput(f"The databases cannot be copied ({error}); no backup was written.") from error


def _connect(path: Path) -> sqlite3.Connection:
    # rw, and never create: a log that a killed proxy left behind must be read too.
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _copy(name: str, source: sqlite3.Connection, path: Path) -> None:
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        source.backup(copy)
        # One file, without a log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise BadInput(f"{name} is damaged; no backup was written. Restore the last good one.")


def _entry(path: Path) -> Entry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with closing(sqlite3.connect(path)) as copy:
        schema = int(copy.execute("PRAGMA user_version").fetchone()[0])
    return Entry(schema=schema, bytes=path.stat().st_size, sha256=digest)


def _pack(folder: Path, manifest: Manifest) -> None:
    descriptor = os.open(folder / "archive", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            archive.writestr(form.NAME, manifest.to_json())
            for name in DATABASES:
                with (folder / name).open("rb") as source, archive.open(name, "w", force_zip64=True) as entry:
                    shutil.copyfileobj(source, entry, _READ_BYTES)
        file.flush()
        os.fsync(descriptor)


def _publish(draft: Path, target: Path) -> None:
    """Give the finished file its name, unless somebody took it meanwhile."""
    try:
        os.link(draft, target)
    except FileExistsError as error:
        raise BadInput(f"{target} exists: choose another name; a backup is never written over.") from error
    except OSError:
        # This file system knows no second names: reserve the name, then take it.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        draft.replace(target)
    sync_path(target.parent)
