"""Walks through folders of models: links are followed once, and what is left out is counted."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePath

from agentroster.messages import say

# What LoRA Manager shows, except pickles of data: `.pkl`.
MODEL_SUFFIXES = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".gguf"})
# What trainers leave beside a model, under endings that models have, too.
_LEFTOVER = re.compile(
    r"(?:optimizer|scheduler|training_args|train_args|random_states?|rng_state|scaler|sampler|trainer_state)[\w-]*\.\w+",
    re.IGNORECASE,
)


def is_model_name(path: PurePath) -> bool:
    """Whether a file of this name holds a model."""
    return path.suffix.lower() in MODEL_SUFFIXES and not _LEFTOVER.fullmatch(path.name)


_SENTENCES: Mapping[str, Callable[[int], str]] = {
    "outside": lambda count: say("library.left_out_outside", count=count),
    "dead": lambda count: say("library.left_out_dead", count=count),
    "unnamed": lambda count: say("library.left_out_unnamed", count=count),
    "odd": lambda count: say("library.left_out_odd", count=count),
    "unreadable": lambda count: say("library.left_out_unreadable", count=count),
}


class LeftOut:
    """Counts what a walk left out, by its reason."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, reason: str) -> None:
        """Count one more: `outside`, `dead`, `unnamed`, `odd` or `unreadable`."""
        self._counts[reason] += 1

    def told(self) -> list[str]:
        """Return what was left out in words, one for each reason."""
        return [_SENTENCES[reason](count) for reason, count in sorted(self._counts.items())]


def model_paths(folders: Iterable[Path], is_inside: Callable[[Path], bool], left_out: LeftOut) -> Iterator[Path]:
    """Yield the resolved path of each model file below the folders, each once, whatever links lead to it.

    Links that lead to where it is not `is_inside` are counted and not followed.
    """
    seen = set[Path]()
    for folder in folders:
        for directory, files in _directories(folder, is_inside, left_out, seen):
            for name in sorted(files):
                path = _resolved(directory / name, is_inside, left_out) if is_model_name(Path(name)) else None
                if path is not None and path not in seen:
                    seen.add(path)
                    yield path


def _directories(
    folder: Path, is_inside: Callable[[Path], bool], left_out: LeftOut, seen: set[Path]
) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder below one with its files, through links, too; one that was seen before is passed by."""

    def is_new(path: Path) -> bool:
        real = Path(os.path.realpath(path))
        if not is_inside(real):
            left_out.add("outside")
        elif real not in seen:
            seen.add(real)
            return True
        return False

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            left_out.add("unreadable")

    if not is_new(folder):
        return
    for directory, folders, files in os.walk(folder, followlinks=True, onerror=failed):
        folders[:] = [name for name in sorted(folders) if is_new(Path(directory, name))]
        yield Path(directory), files


def _resolved(path: Path, is_inside: Callable[[Path], bool], left_out: LeftOut) -> Path | None:
    """Return where a model file really is; None, counted, for what is left out."""
    real = Path(os.path.realpath(path))
    if not is_inside(real):
        left_out.add("outside")
    # A sidecar stands beside the file itself: a store that names files by their digests is no place for one.
    elif not is_model_name(real):
        left_out.add("unnamed")
    # A name that is not UTF-8 can neither be shown nor be written into a sidecar.
    elif not str(real).isprintable():
        left_out.add("odd")
    elif not is_file(real):
        left_out.add("dead")
    else:
        return real
    return None


def is_file(path: Path) -> bool:
    """Whether there is a file; also where a folder above it may not be searched."""
    try:
        return path.is_file()
    except OSError:
        return False
