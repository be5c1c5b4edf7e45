"""The sidecar of a model: read, changed under a lock, written atomically.

Fields and who may write them are described in `docs/sidecar.md`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

from agentroster.errors import NotAllowed, ToolFailed
from agentroster.library.atomic_file import write_file
from agentroster.library.library import Library, ModelFile
from agentroster.library.model_file import sha256_of
from agentroster.messages import say
from agentroster.operating_system.folders import OpenFolder, locked

Sidecar: TypeAlias = dict[str, object]
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")


class Sidecars:
    """Reads sidecars, and writes them where that is permitted. All methods block: call them in a thread."""

    def __init__(
        self, library: Library | None = None, *, refusal: str = "", proposals: "Proposals | None" = None
    ) -> None:
        """Permit writing, unless `refusal` says why not; with `proposals` changes are collected there instead.

        With `library` only the sidecars of its models are read and written, whatever path somebody put together.
        """
        self._library = library
        self._refusal = refusal
        self._proposals = proposals

    @property
    def refusal(self) -> str:
        """Why nothing may be written here; empty when it may."""
        return self._refusal

    def rehearsing(self) -> "Sidecars":
        """Return the same sidecars for a dry run: changes are collected, and nothing is written."""
        proposals = self._proposals if self._proposals is not None else Proposals()
        return Sidecars(self._library, refusal=self._refusal, proposals=proposals)

    def read(self, model: ModelFile) -> Sidecar | None:
        """Return the sidecar, or None when there is none. Raises ToolFailed when it is no JSON object."""
        self._check_place(model)
        if model.sidecar.is_symlink():
            raise ToolFailed(say("library.sidecar_link"))
        try:
            value: object = json.loads(model.sidecar.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError, OSError) as error:
            raise ToolFailed(say("library.sidecar_unreadable")) from error
        if not isinstance(value, dict):
            raise ToolFailed(say("library.sidecar_no_object"))
        return cast("Sidecar", value)

    def update(self, model: ModelFile, change: Callable[[Sidecar], bool]) -> bool:
        """Read again, let `change` edit the sidecar, and write it if that returned true.

        The folder is locked meanwhile, against other threads and processes. Raises NotAllowed without the
        permission to write, ToolFailed when there is no sidecar or it is damaged.
        """
        self._check_permission(model)
        if self._proposals is not None:
            return self._proposals.update(model, self.read(model), change)
        with locked(model.sidecar.parent) as folder:
            sidecar = self.read(model)
            if sidecar is None:
                raise ToolFailed(say("library.sidecar_gone"))
            if not change(sidecar):
                return False
            _write(folder, model.sidecar, sidecar)
            return True

    def create(self, model: ModelFile, stopped: Callable[[], bool]) -> Sidecar:
        """Make a missing sidecar from the file itself (names, size, sha256), and return what is there then.

        Hashing a large file takes seconds; once `stopped()` is true nothing is written. Raises NotAllowed
        without the permission to write.
        """
        self._check_permission(model)
        if self._proposals is not None:
            return self.read(model) or {}
        stat = model.path.stat()
        digest = sha256_of(model.path, stopped)
        with locked(model.sidecar.parent) as folder:
            existing = self.read(model)
            if existing is not None:
                return existing
            sidecar: Sidecar = {
                "file_name": model.path.stem,
                "model_name": model.path.stem,
                "file_path": model.path.as_posix(),
                "size": stat.st_size,
                "modified": stat.st_mtime,
                "sha256": digest,
                "hash_status": "completed",
                "base_model": "",
                "preview_url": "",
                "preview_nsfw_level": 0,
                "notes": "",
                "from_civitai": False,
                "civitai": {},
                "tags": [],
                "modelDescription": "",
                "usage_tips": "{}",
            }
            if not stopped():
                _write(folder, model.sidecar, sidecar)
            return sidecar

    def _check_permission(self, model: ModelFile) -> None:
        if self._refusal:
            raise NotAllowed(self._refusal)
        self._check_place(model)

    def _check_place(self, model: ModelFile) -> None:
        if self._library is not None and not self._library.holds(model):
            raise NotAllowed(say("library.model_outside"))


@dataclass(slots=True)
class Proposals:
    """What a dry run would write: the text of each sidecar before and after."""

    changes: dict[Path, tuple[str, str]] = field(default_factory=dict[Path, tuple[str, str]])

    def update(self, model: ModelFile, sidecar: Sidecar | None, change: Callable[[Sidecar], bool]) -> bool:
        """Note a change instead of writing it."""
        before = "" if sidecar is None else _text(sidecar)
        changed: Sidecar = json.loads(before) if before else {}
        if not change(changed):
            return False
        self.changes[model.sidecar] = (before, _text(changed))
        return True


def _text(sidecar: Sidecar) -> str:
    text = json.dumps(sidecar, indent=2, ensure_ascii=False)
    # Half a surrogate pair, which other programs leave behind when they cut texts, exists in JSON's escapes only.
    return (json.dumps(sidecar, indent=2) if _HALF_PAIR.search(text) else text) + "\n"


def _write(folder: OpenFolder, path: Path, sidecar: Sidecar) -> None:
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        write_file(folder, path.name, _text(sidecar).encode(), mode=mode, replaces=True)
    except OSError as error:
        raise ToolFailed(say("library.sidecar_unwritable", reason=error.strerror)) from error
