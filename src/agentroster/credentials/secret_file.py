"""`secrets.env` in the data directory: made on a first start, read on every later one."""

import os
import re
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

from agentroster.credentials.ring import KeyRing
from agentroster.errors import StartRefused
from agentroster.operating_system.folders import KEEPS_MODES, set_mode
from agentroster.settings.secret_words import strength_of
from agentroster.settings.settings import Settings, load_settings

_NAMES = ("LITELLM_MASTER_KEY", "ROSTER_ENCRYPTION_KEY")
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Z_]+)\s*=\s*(.*?)\s*$")
# Keys printed in well-known documentation: everybody knows them, so they protect nothing.
_PUBLIC_MASTER_KEYS = frozenset({"sk-1234", "sk-12345", "sk-123456", "sk-master", "sk-master-key", "sk-test", "sk-key"})
_MIN_KEY_LENGTH = 16


def load_with_secrets(**options: object) -> tuple[Settings, str | None]:
    """Read settings and secrets, making `secrets.env` on a first start.

    Returns the settings and, when a file was made, the notice to print. Raises StartRefused when a secret
    is missing (and may not be made), empty, publicly known or malformed.
    """
    settings = load_settings(**options)
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        raise StartRefused(f"{settings.data_dir} is no folder: choose another --data-dir")
    path = settings.data_dir / "secrets.env"
    stored = _read(path)
    missing = [name for name in _NAMES if not _given(settings, name) and name not in stored]
    notice = None
    if missing:
        stored |= _make(path, settings, missing)
        mode = " (0600)" if KEEPS_MODES else ""
        notice = f"First start: made {path}{mode} with {' and '.join(missing)}. Keep a copy of it in a safe place."
    settings = load_settings(**options, **_unset_fields(settings, stored))
    _check(settings)
    return settings, notice


def read_ring(settings: Settings) -> KeyRing | None:
    """Return the encryption keys of the environment or of `secrets.env`, or None without any; makes none."""
    given = settings.encryption_key.get_secret_value() if settings.encryption_key else None
    text = given or _read(settings.data_dir / "secrets.env").get("ROSTER_ENCRYPTION_KEY")
    return KeyRing.parse(text) if text else None


def read_master_key(settings: Settings) -> str | None:
    """Return the operator's key of the environment or of `secrets.env`, or None without any; makes none."""
    given = settings.master_key.get_secret_value() if settings.master_key else None
    return given or _read(settings.data_dir / "secrets.env").get("LITELLM_MASTER_KEY")


def _given(settings: Settings, name: str) -> bool:
    # A variable that is set but empty is a mistake to report, not a wish for a new key.
    if name in os.environ and not os.environ[name].strip() and not os.environ.get(f"{name}_FILE"):
        raise StartRefused(
            f"{name} is set but empty: give it a value, or unset it to use {settings.data_dir}/secrets.env"
        )
    return (settings.master_key if name == "LITELLM_MASTER_KEY" else settings.encryption_key) is not None


def _unset_fields(settings: Settings, stored: dict[str, str]) -> dict[str, str | None]:
    return {
        "master_key": None if settings.master_key else stored.get("LITELLM_MASTER_KEY"),
        "encryption_key": None if settings.encryption_key else stored.get("ROSTER_ENCRYPTION_KEY"),
    }


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path} cannot be read: check its owner and mode") from error
    return {match[1]: match[2].strip("\"'") for line in lines if (match := _LINE.match(line))}


def _make(path: Path, settings: Settings, missing: list[str]) -> dict[str, str]:
    if settings.require_secrets:
        raise StartRefused(
            f"ROSTER_REQUIRE_SECRETS is set and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} "
            "missing: set each in the environment or as NAME_FILE"
        )
    # Not `roster.db`, which a key made before the first start leaves: nothing in it is encrypted.
    if (settings.data_dir / "credentials.db").exists():
        raise StartRefused(
            f"{settings.data_dir} is in use but {' and '.join(missing)} cannot be found: "
            f"restore {path} or set the variable; a new key would lock out what is stored"
        )
    made = {
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(32)}",
        "ROSTER_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    chosen = {name: made[name] for name in missing}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            set_mode(descriptor, 0o600)
            file.writelines(f"{name}={value}\n" for name, value in chosen.items())
    except OSError as error:
        raise StartRefused(f"{path} cannot be written: {error.strerror}; choose another --data-dir") from error
    return chosen


def _check(settings: Settings) -> None:
    master = settings.required("master_key")
    if master.lower() in _PUBLIC_MASTER_KEYS or "change" in master.lower() or "example" in master.lower():
        raise StartRefused("LITELLM_MASTER_KEY is a publicly known example key: choose a long random one")
    if not master.isascii() or not master.isprintable():
        raise StartRefused("LITELLM_MASTER_KEY has characters that no HTTP header can carry: use letters and digits")
    if len(master) < _MIN_KEY_LENGTH:
        raise StartRefused(f"LITELLM_MASTER_KEY is shorter than {_MIN_KEY_LENGTH} characters: choose a long random one")
    KeyRing.parse(settings.required("encryption_key"))
    forwarder = settings.openwebui_key.get_secret_value() if settings.openwebui_key else None
    # Its holder is everybody, and a word is not masked in the log.
    if forwarder is not None and (len(forwarder) < _MIN_KEY_LENGTH or strength_of(forwarder) != "strong"):
        raise StartRefused(
            f"ROSTER_OPENWEBUI_KEY is a word or shorter than {_MIN_KEY_LENGTH} characters: choose a long random one"
        )
    secret = settings.openwebui_jwt_secret
    if secret is not None and len(secret.get_secret_value().encode()) < 32:  # noqa: PLR2004 - RFC 7518 section 3.2
        raise StartRefused("ROSTER_OPENWEBUI_JWT_SECRET is shorter than 32 bytes: choose a long random one")
