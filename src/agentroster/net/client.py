"""The one HTTP client of the process: a shared connection pool, no proxies, no environment."""

import os
import ssl

import httpx

_CONNECT_SECONDS = 5.0
_LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=30.0)


def open_client() -> httpx.AsyncClient:
    """Open the shared client; it belongs to the event loop that uses it first.

    `trust_env` is off because a proxy variable would bypass every address check; a private certificate
    authority is taken from `SSL_CERT_FILE` instead.
    """
    return httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE")),
        trust_env=False,
        follow_redirects=False,
        limits=_LIMITS,
        timeout=httpx.Timeout(30.0, connect=_CONNECT_SECONDS),
        headers={"user-agent": "agentroster"},
    )
