"""Encryption of one value for one owner: it decrypts for that person and provider, and for nobody else.

Fernet has no associated data, so a row copied to another user would decrypt under one common key. Each value gets a key
derived for (format, key id, issuer, subject, provider); HKDF: RFC 5869, Fernet: its specification, version 0x80.
"""

import base64
import re
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agentroster.credentials.credential import Owner
from agentroster.credentials.ring import KeyRing
from agentroster.errors import CredentialUnreadable, StartRefused, UnknownKeyId
from agentroster.messages import say

FORMAT = "r1"
_STORED = re.compile(rf"{FORMAT}:([0-9a-f]{{8}}):([A-Za-z0-9_=-]+)")


class Cipher:
    """Encrypts with the first key of the ring, decrypts with the one a value names."""

    def __init__(self, ring: KeyRing, salt: bytes, reread: Callable[[], KeyRing | None] = lambda: None) -> None:
        """`salt` is 16 random bytes, kept once per installation.

        `reread` returns the ring of now, asked when a value names a key that is not known: the operator may have put
        one in front while this process ran.
        """
        self._keys = ring.by_id()
        self._salt = salt
        self._reread = reread
        self.primary_id = next(iter(self._keys))

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys in the ring."""
        return frozenset(self._keys)

    def encrypt(self, owner: Owner, value: bytes) -> str:
        """Return `r1:<key id>:<fernet token>`."""
        return f"{FORMAT}:{self.primary_id}:{self._fernet(self.primary_id, owner).encrypt(value).decode()}"

    def decrypt(self, owner: Owner, stored: str) -> bytes:
        """Return the value.

        Raises UnknownKeyId when its key is not in the ring, CredentialUnreadable when it was changed, belongs to
        somebody else, or is no stored form at all. Never returns what it was given.
        """
        match = _STORED.fullmatch(stored)
        if match is None:
            raise CredentialUnreadable(say("credentials.unreadable_form"))
        if match[1] not in self._keys:
            self._learn(match[1])
        try:
            return self._fernet(match[1], owner).decrypt(match[2])
        except InvalidToken as error:
            raise CredentialUnreadable(say("credentials.unreadable")) from error

    def _learn(self, key_id: str) -> None:
        """Take over the ring of now, if it has this key; keys that went are still known. Raises UnknownKeyId."""
        try:
            ring = self._reread()
        except StartRefused:
            ring = None
        found = ring.by_id() if ring is not None else {}
        if key_id not in found:
            raise UnknownKeyId(key_id)
        self._keys = {**self._keys, **found}
        self.primary_id = next(iter(found))

    def _fernet(self, key_id: str, owner: Owner) -> Fernet:
        parts = (FORMAT, key_id, owner.issuer, owner.subject, owner.provider)
        # Length prefixes: joined by a separator, ("a|b", "c") and ("a", "b|c") would share a key.
        info = b"".join(f"{len(part.encode())}:{part}".encode() for part in parts)
        kdf = HKDF(algorithm=SHA256(), length=32, salt=self._salt, info=info)
        return Fernet(base64.urlsafe_b64encode(kdf.derive(self._keys[key_id])))
