"""Writes the folder of a working skill for `roster skills new`, from the templates in `skeletons/KIND`."""

import re
from importlib.resources import files
from pathlib import Path

from agentroster.errors import BadInput
from agentroster.skills.manifest import TAKEN_COMMANDS

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME = 64


def write_skeleton(parent: Path, name: str, kind: str) -> Path:
    """Write the folder of a new skill and return it. Raises BadInput for a bad name, or where something is already."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise BadInput(
            f"{name!r} is no skill name: use lower-case letters, digits and single hyphens, a letter first, "
            f"at most {_MAX_NAME} characters."
        )
    if name in TAKEN_COMMANDS:
        raise BadInput(f"/{name} is a command of every agent: choose another name.")
    folder = parent / name
    try:
        folder.mkdir(parents=True)
        for template in files("agentroster.skills").joinpath("skeletons", kind).iterdir():
            path = folder / _filled(template.name.removesuffix(".template"), name)
            path.write_text(_filled(template.read_text(encoding="utf-8"), name), encoding="utf-8")
    except FileExistsError as error:
        raise BadInput(f"{folder} exists: choose another name; nothing was written.") from error
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error.strerror}.") from error
    return folder


def _filled(text: str, name: str) -> str:
    # A function may not be called like a keyword of Python ("import"), or one of the files ("handler").
    module, title = name.replace("-", "_"), name.replace("-", " ").capitalize()
    words = {"NAME": name, "TITLE": title, "MODULE": module, "FUNCTION": f"{module}_greet"}
    return re.sub("|".join(words), lambda match: words[match[0]], text)
