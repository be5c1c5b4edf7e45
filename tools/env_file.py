"""Writes .env for compose with fresh secrets; an existing file is left alone."""

import os
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).parent.parent


def filled(example: str) -> str:
    """Return the example file with a fresh value for each of its secrets."""
    fresh = {
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(32)}",
        "ROSTER_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "ROSTER_OPENWEBUI_KEY": secrets.token_urlsafe(32),
        "ROSTER_OPENWEBUI_JWT_SECRET": secrets.token_urlsafe(48),
        "WEBUI_SECRET_KEY": secrets.token_urlsafe(32),
    }
    lines = example.splitlines()
    return "".join(f"{line}{fresh.get(line.removesuffix('='), '')}\n" for line in lines)


def main() -> None:
    """Write the file (0600)."""
    target = ROOT / ".env"
    text = filled((ROOT / ".env.example").read_text(encoding="utf-8"))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(".env exists and is left as it is")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
