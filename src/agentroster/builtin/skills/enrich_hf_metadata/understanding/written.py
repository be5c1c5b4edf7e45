"""Writes what a person can send: a command for models of this library, and examples of it."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import is_path
from agentroster.library.library import Library
from agentroster.messages import say

_LOOKED_AT, _LONGEST_EXAMPLE, _LONGEST_COMMAND = 200, 60, 400
_OPTIONS = {"refresh": "--refresh", "dry_run": "--dry-run"}


def command(arguments: Mapping[str, Any]) -> str:
    """Return `/enrich` with these arguments, or an empty text where they cannot be written in a line of Markdown."""
    targets = [f"all {arguments['model_type']}s"] if "model_type" in arguments else arguments["targets"]
    if "model_type" in arguments and arguments["targets"] != ["everything"]:
        return ""
    named = [
        text if text in {"everything", *targets[:1]} and "model_type" in arguments else quoted(text) for text in targets
    ]
    parts = ["/enrich", ", ".join(named)]
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
    """Return a name as it may stand in a command: in quotes where it is not one word."""
    return name if " " not in name and (name == "everything" or is_path(name)) else f'"{name}"'


def examples(library: Library) -> list[str]:
    """Return commands for what is in this library: a folder, a file, and all without writing."""
    models = list(islice(library.models(), _LOOKED_AT))
    if not models:
        return ["/enrich https://huggingface.co/OWNER/NAME"]
    folders = (str(PurePath(model.name).parent) for model in models if "/" in model.name)
    folder = next(
        (f"{name}/" for name in folders if library.is_folder(f"{name}/") and len(name) < _LONGEST_EXAMPLE), ""
    )
    file = next((model.name for model in models if len(model.name) < _LONGEST_EXAMPLE and '"' not in model.name), "")
    wanted = [*([file] if file else []), *([folder] if folder else [])]
    made = [command({"targets": [name]}) for name in wanted]
    return [*filter(None, made), "/enrich everything --dry-run"]


def example(library: Library) -> str:
    """Return the sentence that tells what can be written here."""
    return say("enrich.example", examples=listed(examples(library)))


def listed(texts: Sequence[str]) -> str:
    """Return commands in a line of Markdown."""
    return ", ".join(f"`{text}`" for text in texts)
