"""Finds the one key a request presents, from its headers alone.

Clients send it in different headers: `Authorization: Bearer` (OpenAI), `x-api-key` (Anthropic), `api-key` and
`ocp-apim-subscription-key` (Azure), `x-goog-api-key` (Google); LiteLLM reads the same ones.
"""

from collections.abc import Iterable, Sequence

from agentroster.errors import Unauthenticated
from agentroster.messages import say

RawHeaders = Sequence[tuple[bytes, bytes]]

_AUTHORIZATION = b"authorization"
KEY_HEADERS = frozenset(
    {_AUTHORIZATION, b"x-api-key", b"api-key", b"x-goog-api-key", b"ocp-apim-subscription-key", b"x-litellm-api-key"}
)
_LITELLM_ONLY = b"x-litellm-api-key"


def presented_key(headers: RawHeaders) -> str:
    """Return the key, empty when there is none; header names are in lower case.

    The same key in two different headers is one key. Raises Unauthenticated for a header that comes twice and for two
    different keys: two readers could take a different one for the caller.
    """
    given = [(name, value) for name, value in headers if name in KEY_HEADERS and name != _LITELLM_ONLY]
    if len(given) == 1:
        return _key_of(*given[0])
    keys = {key for key in (_key_of(name, value) for name, value in given) if key}
    if len({name for name, _ in given}) != len(given) or len(keys) > 1:
        raise Unauthenticated(say("identity.keys_ambiguous"))
    return keys.pop() if keys else ""


def with_one_key(headers: Iterable[tuple[bytes, bytes]], key: str) -> list[tuple[bytes, bytes]]:
    """Return the headers with `key` as bearer token, and without every other header that could hold one."""
    kept = [pair for pair in headers if pair[0] not in KEY_HEADERS]
    return [*kept, (_AUTHORIZATION, b"Bearer " + key.encode("latin-1"))]


def _key_of(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1").strip()
    if name != _AUTHORIZATION:
        return text
    # Another scheme, as of a reverse proxy's own password, is no key.
    scheme, _, key = text.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
