"""The user Open WebUI vouches for: a signed header, or plain headers while no secret is shared.

Header names and claims: Open WebUI 0.12, `utils/headers.py`; JWT: RFC 7519, HS256 only.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jwt

from agentroster.errors import Unauthenticated

SIGNED_HEADER = "x-openwebui-user-jwt"
PLAIN_HEADER = "x-openwebui-user-id"
CHAT_HEADER = "x-openwebui-chat-id"

_LONGEST_LIFE_SECONDS = 600
_LEEWAY_SECONDS = 30
_LONGEST_SUBJECT = 128
_REFUSED = "The signed user header of Open WebUI is missing, expired or not valid: check ROSTER_OPENWEBUI_JWT_SECRET."


def signed_user(tokens: Sequence[str], secret: str) -> str:
    """Return the user id of exactly one valid token. Raises Unauthenticated for anything else."""
    if len(tokens) != 1:
        raise Unauthenticated(_REFUSED)
    try:
        claims: dict[str, Any] = jwt.decode(
            tokens[0],
            secret,
            algorithms=["HS256"],
            issuer="open-webui",
            leeway=_LEEWAY_SECONDS,
            options={"require": ["sub", "iss", "iat", "exp"], "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(_REFUSED) from error
    # PyJWT accepts a life of ten years and a blank subject.
    if not 0 < claims["exp"] - claims["iat"] <= _LONGEST_LIFE_SECONDS:
        raise Unauthenticated(_REFUSED)
    return _subject(claims["sub"])


def forwarded_user(header_values: Callable[[str], Sequence[str]], secret: str | None) -> str | None:
    """Return the user a forwarder names: by token when a secret is set, else by plain header, else None."""
    if secret is not None:
        return signed_user(header_values(SIGNED_HEADER), secret)
    plain = header_values(PLAIN_HEADER)
    if not plain:
        return None
    if len(plain) != 1:
        raise Unauthenticated(f"The header {PLAIN_HEADER} was sent more than once.")
    return _subject(plain[0])


def _subject(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST_SUBJECT:
        raise Unauthenticated(_REFUSED)
    return value.strip()
