"""Reads the catalogue: `en/ROOM.yaml` holds what `ROOM` says, an id and a text a line.

A text is a template of `str.format` with named fields. Where it differs by number it has two forms, chosen by the value
`count`:

    not_declared: "This skill may not use {host}: it declares {declared}."
    found:
      one: "Found one file."
      other: "Found {count} files."
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import cast

LANGUAGE = "en"
Text = str | Mapping[str, str]


def say(name: str, /, **values: object) -> str:
    """Return the sentence `ROOM.NAME` with its values put in; `tests/test_messages.py` holds that each name exists.

    Values stand in the sentence as they are: braces in them mean nothing. Raises KeyError.
    """
    room, _, key = name.partition(".")
    text = texts(room)[key]
    if not isinstance(text, str):
        text = text["one" if values["count"] == 1 else "other"]
    return text.format_map(values)


@cache
def texts(room: str) -> Mapping[str, Text]:
    """Return the texts of a room by name; a file is read when its first sentence is needed."""
    import yaml  # noqa: PLC0415 - the errors of a command line that says nothing need none

    # Ten times as fast, where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    source = files("agentroster.messages").joinpath(LANGUAGE, f"{room}.yaml").read_text(encoding="utf-8")
    return cast("Mapping[str, Text]", yaml.load(source, Loader=loader))  # noqa: S506 - the safe one, in C


def load() -> None:
    """Read all files, before the first sentence of a request needs one."""
    for file in files("agentroster.messages").joinpath(LANGUAGE).iterdir():
        texts(file.name.removesuffix(".yaml"))
