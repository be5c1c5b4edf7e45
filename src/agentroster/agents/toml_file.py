"""Reads agents without code, and backends, from a TOML file; names each mistake with its line and a suggestion."""

import re
import tomllib
from pathlib import Path

from agentroster.agents.sources import Found
from agentroster.agents.toml_reading import Reading
from agentroster.errors import StartRefused

_MAX_BYTES = 5_000_000
_AT_LINE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")


class TomlSource:
    """Reads the file anew whenever it is asked to."""

    def __init__(self, path: Path, *, is_required: bool) -> None:
        """A file that is not required may be missing; once it was there, it must stay."""
        self._path = path
        self._is_required = is_required
        self._stamp: object = None

    def load(self) -> Found:
        """Return what the file says. Raises StartRefused when it cannot be read as TOML, with the line."""
        # Looked at before it is read: a change in between is seen as one the next time.
        self._stamp = self._looked_at()
        if self._stamp is None and not self._is_required:
            return Found()
        text = _text_of(self._path)
        self._is_required = True
        return read_agents(text, str(self._path))

    def is_stale(self) -> bool:
        """Whether the file is another one than was read last."""
        return self._looked_at() != self._stamp

    def _looked_at(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def read_agents(text: str, path: str) -> Found:
    """Return the agents and backends of a file, and every problem in it. Raises StartRefused when it is no TOML."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        # Also a number of more digits than Python reads.
        at = _AT_LINE.search(str(error))
        line = at[1] if at and at[1] else str(max(1, len(text.splitlines())))
        raise StartRefused(f"{path}:{line}: this is not valid TOML: {_AT_LINE.sub('', str(error)).strip()}") from error
    except RecursionError as error:
        raise StartRefused(f"{path}: this is nested too deeply") from error
    return Reading(path, text, document).found()


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise StartRefused(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB: no file of agents is")
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise StartRefused(f"{path} is not there: check ROSTER_AGENTS_FILE; an empty file has no agents") from error
    except OSError as error:
        raise StartRefused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StartRefused(f"{path}:{line}: this is not text in UTF-8") from error
