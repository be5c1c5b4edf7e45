"""The ring of master keys that encrypts what users entrust to the proxy."""

import base64
import re
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agentroster.errors import StartRefused

_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_HOW = 'make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """One or more 32-byte master keys, the first of which encrypts."""

    keys: tuple[bytes, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the comma-separated form of `ROSTER_ENCRYPTION_KEY`.

        Stricter than `Fernet()`, which accepts stray characters and surplus padding: a mistyped key must
        not pass. Raises StartRefused, naming the position of the bad key and never its text.
        """
        parts = [part.strip() for part in text.split(",")]
        for position, part in enumerate(parts, start=1):
            if not _KEY.fullmatch(part):
                raise StartRefused(
                    f"ROSTER_ENCRYPTION_KEY is malformed: key {position} of {len(parts)} is not 44 characters "
                    f"of URL-safe base64; {_HOW}"
                )
        keys = tuple(base64.urlsafe_b64decode(part) for part in parts)
        if len(set(keys)) != len(keys):
            raise StartRefused("ROSTER_ENCRYPTION_KEY holds the same key twice: remove one")
        return cls(keys)

    def by_id(self) -> dict[str, bytes]:
        """Return the keys by their id, the first one first. An id is derived, so it cannot disagree with its key."""
        return {_derive(key, "kid/v1")[:4].hex(): key for key in self.keys}

    def subkey(self, purpose: str) -> bytes:
        """Derive 32 bytes for one purpose from the first key (HKDF-SHA256, RFC 5869)."""
        return _derive(self.keys[0], purpose)


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"roster/{purpose}".encode()).derive(key)
