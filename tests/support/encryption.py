"""Keys of credentials."""

from cryptography.fernet import Fernet


def new_key() -> str:
    return Fernet.generate_key().decode()
