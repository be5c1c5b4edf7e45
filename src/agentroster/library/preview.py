"""The preview of a model: one picture beside its file, written once and never replaced."""

from errno import ENAMETOOLONG
from pathlib import Path

from agentroster.errors import NotAllowed, ToolFailed
from agentroster.library.atomic_file import write_file
from agentroster.library.library import Library, ModelFile
from agentroster.library.video import video_suffix
from agentroster.messages import say
from agentroster.operating_system.folders import OpenFolder, locked, opened

_SUFFIXES = (".webp", ".png", ".jpg", ".jpeg", ".gif", ".mp4", ".webm", ".avif", ".jxl")
_SPELLINGS = (*_SUFFIXES, *(suffix.upper() for suffix in _SUFFIXES), ".WebP", ".WebM", ".Png", ".Jpg", ".Jpeg")
_ENDINGS = (*_SPELLINGS, *(f".preview{suffix}" for suffix in _SPELLINGS), ".example.0.jpeg")


MAX_VIDEO_BYTES = 20_000_000


class Previews:
    """Finds previews, and writes them where that is permitted. All methods but one block: call them in a thread."""

    def __init__(self, library: Library | None = None, *, refusal: str = "", dry_run: bool = False) -> None:
        """Permit writing, beside the models of a library if there is one, unless `refusal` says why not."""
        self._library = library
        self._refusal = refusal
        self._dry_run = dry_run

    def rehearsing(self) -> "Previews":
        """Return the same previews for a dry run: nothing is written."""
        return Previews(self._library, refusal=self._refusal, dry_run=True)

    def require_permission(self) -> None:
        """Raise NotAllowed without the permission to write, ToolFailed in a dry run. Does not block.

        Asked before a picture is fetched.
        """
        if self._refusal:
            raise NotAllowed(self._refusal)
        if self._dry_run:
            raise ToolFailed(say("library.dry_run_no_picture"))

    def existing(self, model: ModelFile) -> Path | None:
        """Return the preview beside the model, also when it is a link that leads nowhere, or None."""
        # Names are tried one by one: to list a folder of 10,000 models for each of them would take minutes.
        names = [f"{model.path.stem}{ending}" for ending in _ENDINGS]
        names += [f"{model.path.name}{ending}" for ending in _SPELLINGS]
        try:
            with opened(model.path.parent) as folder:
                found = next((name for name in names if _is_there(folder, name)), None)
        except OSError as error:
            raise ToolFailed(say("library.folder_unreadable", reason=error.strerror)) from error
        return None if found is None else model.path.with_name(found)

    def write(self, model: ModelFile, image: bytes) -> Path:
        """Write `<stem>.webp`, made from somebody's picture, or a video as it is, and return its path.

        Raises NotAllowed without the permission to write, and ToolFailed when there is a preview already or the
        picture is none that is accepted.
        """
        self.require_permission()
        if self._library is not None and not self._library.holds(model):
            raise NotAllowed(say("library.model_outside_nothing_written"))
        from agentroster.library.picture import as_preview  # noqa: PLC0415 - slow, and most runs need no picture

        video = video_suffix(image) if len(image) <= MAX_VIDEO_BYTES else None
        content = image if video else as_preview(image)
        path = model.path.with_name(f"{model.path.stem}{video or '.webp'}")
        try:
            with locked(path.parent) as folder:
                if (existing := self.existing(model)) is not None:
                    raise FileExistsError(existing)
                write_file(folder, path.name, content, mode=0o644, replaces=False)
        except FileExistsError as error:
            raise ToolFailed(say("library.preview_there")) from error
        except OSError as error:
            raise ToolFailed(say("library.preview_unwritable", reason=error.strerror)) from error
        return path


def _is_there(folder: OpenFolder, name: str) -> bool:
    try:
        return folder.has(name)
    except OSError as error:
        if error.errno == ENAMETOOLONG:
            return False
        raise
