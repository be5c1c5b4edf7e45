"""Writes .env for compose: fresh secrets where there are none; what is set already stays."""

import argparse
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).parent.parent


def fresh_secrets() -> dict[str, str]:
    """Return a new value for each secret that the stack cannot start without."""
    return {
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(32)}",
        "ROSTER_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "ROSTER_OPENWEBUI_KEY": secrets.token_urlsafe(32),
        "ROSTER_OPENWEBUI_JWT_SECRET": secrets.token_urlsafe(48),
        "WEBUI_SECRET_KEY": secrets.token_urlsafe(32),
    }


def profile_values(current: Mapping[str, str], *, postgres: bool, ollama: str | None) -> dict[str, str]:
    """Return what starts these services beside those that start already, and what tells the proxy of them."""
    values: dict[str, str] = {}
    profiles = {name for name in current.get("COMPOSE_PROFILES", "").split(",") if name}
    if postgres:
        password = current.get("POSTGRES_PASSWORD") or secrets.token_urlsafe(32)
        values |= {
            "POSTGRES_PASSWORD": password,
            "ROSTER_DATABASE_URL": f"postgresql://roster:{password}@postgres/roster",
        }
        profiles.add("postgres")
    if ollama:
        values |= {"LLM_PROVIDER": "ollama", "LLM_MODEL": ollama, "LLM_API_BASE": "http://ollama:11434/v1"}
        profiles.add("ollama")
    return values | {"COMPOSE_PROFILES": ",".join(sorted(profiles))}


def read(text: str) -> dict[str, str]:
    """Return the values of the file that are not empty."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def filled(text: str, *, postgres: bool = False, ollama: str | None = None) -> tuple[str, list[str]]:
    """Return the file with what is missing, and the names of what was; what is set stays, profiles are added to."""
    current = read(text)
    wanted = fresh_secrets() | profile_values(current, postgres=postgres, ollama=ollama)
    kept = {name for name in current if name != "COMPOSE_PROFILES"}
    changes = {name: value for name, value in wanted.items() if name not in kept and value != current.get(name, "")}
    written = [_changed(line, changes) for line in text.splitlines()]
    present = {line.partition("=")[0] for line in written}
    written += [f"{name}={value}" for name, value in changes.items() if name not in present]
    return "".join(f"{line}\n" for line in written), sorted(changes)


def _changed(line: str, changes: Mapping[str, str]) -> str:
    name, assigned, _ = line.partition("=")
    return f"{name}={changes[name]}" if assigned and name in changes else line


def write(target: Path, text: str) -> None:
    """Replace the file as a whole, readable for its owner only."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(target)


def main() -> None:
    """Fill in .env, or make it from .env.example."""
    parser = argparse.ArgumentParser(prog="just secrets", description="Write .env with fresh secrets for compose.")
    parser.add_argument("--postgres", action="store_true", help="also start PostgreSQL and keep everything in it")
    parser.add_argument("--ollama", metavar="MODEL", help="also start Ollama and let agents use this model of it")
    options = parser.parse_args()
    target = ROOT / ".env"
    source = target if target.exists() else ROOT / ".env.example"
    text, names = filled(source.read_text(encoding="utf-8"), postgres=options.postgres, ollama=options.ollama)
    if not names:
        sys.exit(".env has a value for each of these and is left as it is")
    write(target, text)
    sys.stdout.write(f".env has fresh values: {', '.join(names)}. Keep a copy of it in a safe place.\n")


if __name__ == "__main__":
    main()
