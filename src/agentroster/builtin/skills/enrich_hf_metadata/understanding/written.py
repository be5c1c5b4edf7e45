"""Writes what a person can send: a command for models of this library, and examples of it."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import is_path
from agentroster.library.library import Library
from agentroster.messages import say

_LOOKED_AT, _LONGEST_EXAMPLE, _LONGEST_COMMAND = 200, 60, 400
_ONE_WORD = re.compile(r"\w[\w./-]*")
_OPTIONS = {"refresh": "--refresh", "dry_run": "--dry-run"}


def command(arguments: Mapping[str, Any]) -> str:
    """Return `/enrich` with these arguments, or an empty text where they cannot be written in a line of Markdown."""
    targets, model_type = arguments["targets"], arguments.get("model_type", "")
    if model_type and targets != ["everything"]:
        return ""
    parts = ["/enrich", f"all {model_type}s" if model_type else ", ".join(map(quoted, targets))]
    if "source" in arguments:
        parts.append(f"from {arguments['source']}")
    if "exclude" in arguments:
        parts.append("--except " + ", ".join(map(quoted, arguments["exclude"])))
    if "overwrite" in arguments:
        parts.append("--overwrite " + ", ".join(arguments["overwrite"]))
    parts += [option for name, option in _OPTIONS.items() if arguments.get(name)]
    text = " ".join(parts)
    return "" if len(text) > _LONGEST_COMMAND or any(sign in text for sign in "`\n") else text


def quoted(name: str) -> str:
    """Return a name as it may stand in a command: in quotes where it is not surely one word."""
    if name == "everything" or (_ONE_WORD.fullmatch(name) and is_path(name)):
        return name
    return f"'{name}'" if '"' in name else f'"{name}"'


def examples(library: Library) -> list[str]:
    """Return commands for what is in this library: a folder, a file, and all without writing."""
    models = list(islice(library.models(), _LOOKED_AT))
    if not models:
        return ["/enrich https://huggingface.co/OWNER/NAME"]
    folders = (str(PurePath(model.name).parent) for model in models if "/" in model.name)
    folder = next(
        (f"{name}/" for name in folders if library.is_folder(f"{name}/") and len(name) < _LONGEST_EXAMPLE), ""
    )
    file = next(
        (model.name for model in models if len(model.name) < _LONGEST_EXAMPLE and _ONE_WORD.fullmatch(model.name)), ""
    )
    wanted = [*([file] if file else []), *([folder] if folder else [])]
    made = [command({"targets": [name]}) for name in wanted]
    return [*filter(None, made), "/enrich everything --dry-run"]


def example(library: Library) -> str:
    """Return the sentence that tells what can be written here."""
    return say("enrich.example", examples=listed(examples(library)))


def listed(texts: Sequence[str]) -> str:
    """Return commands in a line of Markdown."""
    return ", ".join(f"`{text}`" for text in texts)
