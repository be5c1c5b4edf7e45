"""Asks the running proxy, as any other client does; the operator's key goes to this deployment only."""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx

from agentroster.credentials.secret_file import read_master_key
from agentroster.errors import BadAnswer, BadInput, RosterError
from agentroster.json_values import as_object
from agentroster.settings.settings import Settings, load_settings

KEY_VARIABLE = "ROSTER_KEY"
_OK, _BAD_GATEWAY = 200, 502
_CONNECT_SECONDS = 5.0
_SPARE_SECONDS = 30.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_EVENT = "data: "


class ProxyClient:
    """A client of one proxy; each failure is a RosterError in words."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self.url = url

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON object at a path."""
        try:
            response = self._client.get(path)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        return response.status_code, _object(response.text)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a list. Raises RosterError with what the proxy says against it."""
        status, body = self.get(path)
        if status != _OK:
            raise _refusal(status, body)
        return cast("list[dict[str, Any]]", body.get("data", []))

    def chat(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the chunks of a streamed answer, or the one object of a whole one."""
        try:
            with self._client.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.status_code != _OK:
                    raise _refusal(response.status_code, _object(response.read().decode("utf-8", "replace")))
                if not body.get("stream"):
                    yield _object(response.read().decode("utf-8", "replace"))
                    return
                for line in response.iter_lines():
                    chunk = _object(line.removeprefix(_EVENT)) if line.startswith(_EVENT + "{") else {}
                    if "error" in chunk:
                        raise _refusal(_BAD_GATEWAY, chunk)
                    yield chunk
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _away(self, error: httpx.HTTPError) -> RosterError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return BadInput(f"No proxy answers at {self.url}: start `roster serve` there, or give its --url.")
        return BadAnswer(f"The proxy at {self.url} stopped answering: its log says why.")


@contextmanager
def open_proxy(data_dir: Path | None, url: str | None, *, with_key: bool = True) -> Generator[ProxyClient]:
    """Open a client of the proxy at `url`, by default of the one that this deployment's settings describe.

    The key is ROSTER_KEY, else the operator's. Raises BadInput without one, and rather than send the operator's to an
    address that was typed.
    """
    settings = load_settings(data_dir=data_dir)
    base = (url or _own_url(settings)).rstrip("/").removesuffix("/v1")
    if not base.startswith(("http://", "https://")):
        raise BadInput("--url must be an address like http://127.0.0.1:9501.")
    headers = {"authorization": f"Bearer {_key(settings, typed=url is not None)}"} if with_key else {}
    timeout = httpx.Timeout(settings.run_seconds + _SPARE_SECONDS, connect=_CONNECT_SECONDS)
    with httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=timeout) as client:
        yield ProxyClient(client, base)


def _own_url(settings: Settings) -> str:
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _key(settings: Settings, *, typed: bool) -> str:
    if key := os.environ.get(KEY_VARIABLE, "").strip():
        if not key.isascii() or not key.isprintable():
            raise BadInput(f"{KEY_VARIABLE} is no key of a proxy.")
        return key
    if typed:
        raise BadInput(f"With --url set {KEY_VARIABLE} to your key: the operator's goes to its own proxy only.")
    if key := read_master_key(settings):
        return key
    raise BadInput(f"There is no key: set {KEY_VARIABLE} to yours, or give the --data-dir of the proxy.")


def _refusal(status: int, body: dict[str, Any]) -> RosterError:
    error = as_object(body.get("error"))
    return RosterError(str(error.get("message") or f"The proxy answered with status {status}."))


def _object(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return dict(as_object(value))
