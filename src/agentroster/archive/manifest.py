"""What an archive says of itself: `manifest.json`, the first entry of the ZIP file.

    {"kind": "agentroster backup", "format": 1, "version": "0.1.0", "made_at": "2026-11-28T00:10:00Z",
     "databases": {"roster.db": {"schema": 3, "bytes": 40960, "sha256": "..."}, ...},
     "key_ids": ["1f3a5c7e"]}

`key_ids` name the encryption keys that the credentials need; no key and no secret is in an archive.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from agentroster.db.data_folder import DATABASES
from agentroster.errors import BadInput

NAME = "manifest.json"
MAX_BYTES = 100_000
_KIND, _FORMAT = "agentroster backup", 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One database: the version of its schema, its size, and its SHA-256 in hexadecimal."""

    schema: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of one archive; `made_at` is ISO 8601 in UTC."""

    version: str
    made_at: str
    databases: Mapping[str, Entry]
    key_ids: tuple[str, ...]

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return json.dumps({"kind": _KIND, "format": _FORMAT, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: bytes, schemas: Mapping[str, int]) -> "Manifest":
        """Read a manifest. Raises BadInput for something else, and for what a newer agentroster wrote.

        `schemas` are the newest versions known here.
        """
        try:
            fields = cast("dict[str, Any]", json.loads(text))
            if fields["kind"] != _KIND:
                raise BadInput("This file is no backup of agentroster.")
            version = str(fields["version"])
            if fields["format"] > _FORMAT:
                raise _newer(version)
            entries = {name: Entry(**fields["databases"][name]) for name in DATABASES}
            valid = all(_DIGEST.fullmatch(entry.sha256) and entry.bytes > 0 for entry in entries.values())
            newer = any(entry.schema > schemas[name] for name, entry in entries.items())
            key_ids = tuple(str(one) for one in fields["key_ids"])
            made_at = str(fields["made_at"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadInput("This file is no backup of agentroster.") from error
        if not valid:
            raise BadInput("This backup is damaged.")
        if newer:
            raise _newer(version)
        return cls(version=version, made_at=made_at, databases=entries, key_ids=key_ids)


def _newer(version: str) -> BadInput:
    return BadInput(f"This backup was made by a newer agentroster ({version[:40]!r}): install that version.")
