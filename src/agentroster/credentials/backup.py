"""Credentials as a file for a safe place, encrypted under a passphrase instead of the master key.

JSON lines: a header with the parameters of scrypt (RFC 7914), one Fernet token for each credential, and one that says
how many there were, so that a file cut short is noticed before anything is written.
"""

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agentroster.credentials.audit import Act
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.store import CredentialStore
from agentroster.errors import BadInput, CredentialUnreadable
from agentroster.messages import say

SHORTEST_PASSPHRASE = 12
_KIND, _VERSION = "agentroster credentials", 1
_COST = {"n": 2**17, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    written: int
    kept: int


def export_lines(store: CredentialStore, passphrase: str) -> Iterator[str]:
    """Yield the lines of a backup. Raises BadInput for a short passphrase, CredentialUnreadable for a bad row."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BadInput(say("credentials.passphrase_short", characters=SHORTEST_PASSPHRASE))
    salt = secrets.token_bytes(16)
    fernet = _fernet(passphrase, salt, _COST)
    yield json.dumps({"kind": _KIND, "version": _VERSION, "scrypt": _COST, "salt": salt.hex()})
    count = 0
    for credential in store.list():
        found = store.find(credential.owner)
        if found is None:
            continue
        store.audit.write(credential.owner, Act(action="export", actor="operator"))
        record = {"number": count, "credential": asdict(found.credential), "secret": dict(found.secret)}
        yield fernet.encrypt(json.dumps(record).encode()).decode()
        count += 1
    yield fernet.encrypt(json.dumps({"number": count, "end": True}).encode()).decode()


def import_lines(store: CredentialStore, passphrase: str, lines: Iterable[str], *, replace: bool) -> Imported:
    """Write the credentials of a backup; one that exists is kept unless `replace`.

    The whole file is read and checked first. Raises BadInput for a wrong passphrase or a damaged file.
    """
    written = kept = 0
    for credential, secret in _read(passphrase, [line.strip() for line in lines if line.strip()]):
        if not replace and store.find(credential.owner) is not None:
            kept += 1
            continue
        store.put(credential, secret, Act(action="import", actor="operator"))
        written += 1
    return Imported(written, kept)


def _read(passphrase: str, lines: list[str]) -> list[tuple[Credential, dict[str, str]]]:
    fernet = _fernet_of(passphrase, lines[0] if lines else "")
    try:
        records = [cast("dict[str, Any]", json.loads(fernet.decrypt(line))) for line in lines[1:]]
    except InvalidToken as error:
        raise BadInput(say("credentials.passphrase_wrong")) from error
    if not records or not records[-1].get("end") or [record["number"] for record in records] != [*range(len(records))]:
        raise BadInput(say("credentials.backup_incomplete"))
    return [(_credential(record["credential"]), record["secret"]) for record in records[:-1]]


def _fernet_of(passphrase: str, header: str) -> Fernet:
    try:
        fields = json.loads(header)
        if (fields["kind"], fields["version"]) != (_KIND, _VERSION) or fields["scrypt"] != _COST:
            raise BadInput(say("credentials.backup_of_other_version"))
        return _fernet(passphrase, bytes.fromhex(fields["salt"]), _COST)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(say("credentials.no_backup")) from error


def _credential(fields: dict[str, Any]) -> Credential:
    owner = Owner(**fields.pop("owner"))
    scopes = tuple(fields.pop("scopes"))
    try:
        return Credential(owner=owner, scopes=scopes, **fields)
    except TypeError as error:
        raise CredentialUnreadable(say("credentials.backup_incomplete")) from error


def _fernet(passphrase: str, salt: bytes, cost: dict[str, int]) -> Fernet:
    key = Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))
