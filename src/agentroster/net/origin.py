"""The origin of a URL: the unit of permission."""

import re
from dataclasses import dataclass

import httpx

from agentroster.errors import NotAllowed
from agentroster.messages import say

# Part of a host name; longer or empty ones are an error of Python's resolver (RFC 1035). Underscores are in use.
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_MAX_NAME, _LAST_PORT = 253, 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, lower-case host and port of a URL: the unit of permission."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Read an origin. Raises NotAllowed for a URL that is not plain http(s) with a host."""
        try:
            parsed = httpx.URL(url)
            # Here too: httpx decodes an international name when it is asked for, and `idna` has errors of its own.
            scheme, host = parsed.scheme, parsed.host.rstrip(".").lower()
            ascii_host = parsed.raw_host.decode().rstrip(".")
        except (httpx.InvalidURL, ValueError) as error:
            raise NotAllowed(say("net.no_address")) from error
        if (ascii_host and ":" not in ascii_host and not _is_name(ascii_host)) or (parsed.port or 0) > _LAST_PORT:
            raise NotAllowed(say("net.no_address"))
        if scheme not in {"http", "https"} or not host or parsed.userinfo or "\\" in url or parsed.port == 0:
            raise NotAllowed(say("net.not_plain"))
        return cls(scheme, host, parsed.port or (443 if scheme == "https" else 80))


def _is_name(host: str) -> bool:
    return len(host) <= _MAX_NAME and all(map(_LABEL.fullmatch, host.split(".")))
