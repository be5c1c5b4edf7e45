"""Paths as people write them."""

import os
import re
from pathlib import Path, PureWindowsPath

_HAS_DRIVES = os.pathsep == ";"
# Microsoft, "Naming Files, Paths, and Namespaces": also with an ending, and with blanks before it.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.IGNORECASE
)
_NO_NAME = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')


def path_list(text: str) -> tuple[Path, ...]:
    """Return the paths of a text: separated by `:`, on Windows by `;`."""
    return tuple(Path(part.strip()).expanduser() for part in text.split(os.pathsep) if part.strip())


def names_a_file(text: str) -> bool:
    """Whether a path can name a file: on Windows none with a device (CON, NUL) or a stream (`name:other`) in it.

    To open a device may wait for ever, and a stream of a model file is no file beside it.
    """
    if not _HAS_DRIVES:
        return True
    path = PureWindowsPath(text)
    parts = path.parts[1:] if path.anchor else path.parts
    return not any(_DEVICE.fullmatch(part) or _NO_NAME.search(part) for part in parts if part != "..")
