"""The user Open WebUI vouches for: a signed header, or plain headers while no secret is shared.

Header names and claims: Open WebUI 0.12, `utils/headers.py`; JWT: RFC 7519, HS256 only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import jwt

from agentroster.errors import Unauthenticated
from agentroster.messages import say

SIGNED_HEADER = "x-openwebui-user-jwt"
PLAIN_HEADER = "x-openwebui-user-id"
PLAIN_NAME_HEADER = "x-openwebui-user-name"
CHAT_HEADER = "x-openwebui-chat-id"

_MAX_LIFE_SECONDS = 600
_LEEWAY_SECONDS = 30
_MAX_SUBJECT = 128


@dataclass(frozen=True, slots=True)
class ForwardedUser:
    """The user a forwarder names: the id that counts, and a name to show."""

    id: str | None
    name: str = ""


def signed_user(tokens: Sequence[str], secret: str) -> ForwardedUser:
    """Return the user of exactly one valid token. Raises Unauthenticated for anything else."""
    if len(tokens) != 1:
        raise _refused()
    try:
        claims: dict[str, Any] = jwt.decode(
            tokens[0],
            secret,
            algorithms=["HS256"],
            issuer="open-webui",
            leeway=_LEEWAY_SECONDS,
            options={"require": ["sub", "iss", "iat", "exp"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        # What is signed may still be no token: PyJWT meets some kinds of claims with Python's own errors.
        raise _refused() from error
    # PyJWT accepts a life of ten years, times as text and a blank subject.
    issued, expires = claims["iat"], claims["exp"]
    if not (_is_time(issued) and _is_time(expires) and 0 < expires - issued <= _MAX_LIFE_SECONDS):
        raise _refused()
    return ForwardedUser(_subject(claims["sub"]), _name(claims.get("name") or claims.get("email")))


def forwarded_user(header_values: Callable[[str], Sequence[str]], secret: str | None) -> ForwardedUser:
    """Return the user a forwarder names: by token when a secret is set, else by plain header, else nobody."""
    if secret is not None:
        return signed_user(header_values(SIGNED_HEADER), secret)
    plain = header_values(PLAIN_HEADER)
    if not plain:
        return ForwardedUser(None)
    if len(plain) != 1:
        raise Unauthenticated(say("identity.user_header_repeated", header=PLAIN_HEADER))
    names = header_values(PLAIN_NAME_HEADER)
    return ForwardedUser(_subject(plain[0]), _name(unquote(names[0])) if len(names) == 1 else "")


def _refused() -> Unauthenticated:
    return Unauthenticated(say("identity.user_token_invalid"))


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _subject(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _MAX_SUBJECT:
        raise _refused()
    return value.strip()


def _name(value: object) -> str:
    return value.strip()[:_MAX_SUBJECT] if isinstance(value, str) and value.isprintable() else ""
