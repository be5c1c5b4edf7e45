"""The library: model files under the configured roots, and nothing else."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentroster.errors import BadInput, NotAllowed, NotFound
from agentroster.library.walk import MODEL_SUFFIXES, LeftOut, is_model_name, model_paths
from agentroster.messages import say
from agentroster.operating_system.paths import names_a_file

SIDECAR_SUFFIX = ".metadata.json"
_MAX_PATH, _MAX_NAMED = 1000, 10


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """One model file; `path` is absolute and resolved, `name` is what people call it: no two models share one."""

    path: Path
    name: str

    @property
    def sidecar(self) -> Path:
        """The metadata file beside it: `<stem>.metadata.json`."""
        return self.path.with_name(self.path.stem + SIDECAR_SUFFIX)


class Library:
    """Finds model files: every path is resolved and must lie under a root."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(dict.fromkeys(Path(os.path.realpath(root)) for root in roots))
        self._accepts: Callable[[ModelFile], bool] = lambda _: True
        self._types: Sequence[str] = ()

    def only(self, accepts: Callable[[ModelFile], bool], types: Sequence[str]) -> "Library":
        """Return the same library with only the models that `accepts` lets pass: those of these types."""
        made = copy.copy(self)
        made._accepts, made._types = accepts, types
        return made

    @property
    def is_configured(self) -> bool:
        """Whether the operator named any folder."""
        return bool(self._roots)

    @property
    def folders(self) -> Sequence[Path]:
        """The folders that the operator named, resolved."""
        return self._roots

    @property
    def is_empty(self) -> bool:
        """Whether there is no model file; it looks through all folders until it finds one."""
        return next(self.models(), None) is None

    def models(self, folder: Path | None = None, left_out: LeftOut | None = None) -> Iterator[ModelFile]:
        """Yield all model files (below `folder`), sorted, each once; `left_out` counts what cannot be one of them."""
        folders = [folder] if folder else self._roots
        counted = LeftOut() if left_out is None else left_out
        for path in model_paths(folders, lambda real: self._root_of(real) is not None, counted):
            model = ModelFile(path, self._name(path))
            if self._accepts(model):
                yield model

    def find(self, text: str, left_out: LeftOut | None = None) -> list[ModelFile]:
        """Return the models that a path, a file name or a folder means.

        A relative text is looked up under each root, then as a bare file name or stem anywhere; `left_out` counts
        what a folder holds besides. Raises NotAllowed for a path outside the library, NotFound for anything that is
        no model file or folder, and BadInput, with the names there are, for a text that means several of them.
        """
        if not self._roots:
            raise NotFound(say("library.not_configured"))
        if "\0" in text or not text.strip() or not names_a_file(text.strip()):
            raise NotFound(say("library.no_file_name"))
        path = self._resolve(text.strip())
        if path is None:
            return self._by_name(text.strip())
        if path.is_dir():
            self._require_no_namesake(text.strip(), path)
            return list(self.models(path, left_out))
        if not is_model_name(path):
            raise NotFound(say("library.no_model_file", path=text, suffixes=", ".join(sorted(MODEL_SUFFIXES))))
        model = ModelFile(path, self._name(path))
        if not self._accepts(model):
            types = say("library.or").join(self._types)
            raise NotFound(say("library.not_of_type", name=model.name, types=types))
        return [model]

    def holds(self, model: ModelFile) -> bool:
        """Whether a model's path is resolved and lies under a root: anybody can make a `ModelFile`."""
        is_there = Path(os.path.realpath(model.path)) == model.path and self._root_of(model.path) is not None
        return is_there and self._accepts(model)

    def is_folder(self, text: str) -> bool:
        """Whether a text is the path of a folder of the library; no folder is looked through for that."""
        if not text or "\0" in text or len(text) > _MAX_PATH or not names_a_file(text):
            return False
        paths = (Path(os.path.realpath(root / text)) for root in self._roots)
        return any(self._root_of(path) is not None and _exists(path) and path.is_dir() for path in paths)

    def _resolve(self, text: str) -> Path | None:
        """Return the resolved existing path under a root; None when nothing by that path exists."""
        expanded = Path(text)
        candidates = [expanded] if expanded.is_absolute() else [root / expanded for root in self._roots]
        outside = expanded.is_absolute() or ".." in expanded.parts
        found: dict[Path, None] = {}
        for candidate in candidates:
            real = Path(os.path.realpath(candidate))
            if self._root_of(real) is None:
                # The same words whether it exists or not: nobody learns what lies outside.
                raise NotAllowed(say("library.outside", path=text), logged="a path outside the library")
            if _exists(real):
                found[real] = None
        if not found and outside:
            raise NotFound(say("library.missing_path", path=text))
        if named := self._by_full_name(text):
            return named
        if len(found) > 1:
            raise _several(text, [self._name(path) for path in found])
        return next(iter(found), None)

    def _by_full_name(self, text: str) -> Path | None:
        """Return the file whose full name this is: with several roots it begins with that of its root."""
        for root in self._roots if len(self._roots) > 1 else ():
            for start in (f"{root.name}/", f"{root.as_posix()}/"):
                real = Path(os.path.realpath(root / text.removeprefix(start)))
                if text.startswith(start) and real.is_file() and self._name(real) == text:
                    return real
        return None

    def _require_no_namesake(self, text: str, folder: Path) -> None:
        """Raise BadInput when a folder's bare name is also that of models; with a slash it means the folder."""
        if "/" in text or os.sep in text:
            return
        files = [model.name for model in self.models() if text in {model.path.name, model.path.stem}]
        if files:
            raise _several(text, [f"{self._name(folder)}/", *files])

    def _by_name(self, text: str) -> list[ModelFile]:
        found = {model: None for model in self.models() if text in {model.path.name, model.path.stem, model.name}}
        if not found:
            raise NotFound(say("library.missing_name", name=text))
        if len(found) > 1:
            raise _several(text, [model.name for model in found])
        return list(found)

    def _root_of(self, real: Path) -> Path | None:
        return next((root for root in self._roots if real == root or root in real.parents), None)

    def _name(self, real: Path) -> str:
        root = self._root_of(real) or Path("/")
        name = real.relative_to(root).as_posix()
        if len(self._roots) < 2:  # noqa: PLR2004 - only then can two roots hold the same name
            return name
        is_unique = sum(other.name == root.name for other in self._roots) == 1
        return f"{root.name if is_unique else root.as_posix()}/{name}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def _several(text: str, names: Sequence[str]) -> BadInput:
    listed, more = ", ".join(names[:_MAX_NAMED]), len(names) - _MAX_NAMED
    if more > 0:
        return BadInput(say("library.several_and_more", text=text, names=listed, more=more))
    return BadInput(say("library.several", text=text, names=listed))
