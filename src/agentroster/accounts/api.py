"""Sends requests with one account's credential, to that provider's addresses and nowhere else."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote, unquote, urlencode

import httpx

from agentroster.accounts.provider import Provider
from agentroster.credentials.credential import Secret
from agentroster.errors import BadInput, NotAllowed, Unreachable
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.net.egress import Egress, Origin

_READING = frozenset({"GET", "HEAD"})
# What a tool may say about its request. Others steer servers: a host, a method override, framing, another identity.
_HEADERS = frozenset({"accept", "accept-language", "if-match", "if-none-match", "if-modified-since"})
_MAX_DECODINGS = 4
_UNAUTHORIZED = 401
_MAX_BYTES = 4_000_000

Params: TypeAlias = Mapping[str, str | int]
Renew: TypeAlias = Callable[[], Awaitable[Secret]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's answer, whatever its status; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return httpx.codes.is_success(self.status)

    def json(self) -> Any:
        """Return the parsed body. Raises Unreachable when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unreachable(say("accounts.not_json")) from error


@lru_cache(maxsize=1024)
def checked_base(url: str, trusted: frozenset[Origin]) -> str:
    """Return a base URL without its trailing slash.

    Raises NotAllowed for one that is neither https nor listed by the operator, or has more than a path.
    """
    origin = Origin.of(url)
    if origin.scheme != "https" and origin not in trusted:
        raise NotAllowed(say("accounts.https_only", host=origin.host))
    if "?" in url or "#" in url:
        raise BadInput(say("accounts.address_has_query"))
    return str(httpx.URL(url)).rstrip("/")


class Api:
    """One account for the time of one call. A skill gets it from `context.accounts.open(NAME)`."""

    def __init__(
        self,
        provider: Provider,
        secret: Secret,
        client: httpx.AsyncClient,
        trusted: frozenset[Origin],
        *,
        may_write: bool = False,
        renew: Renew | None = None,
    ) -> None:
        """`renew` is asked once for a newer secret when the provider refuses this one; it raises when there is none."""
        self._provider = provider
        self._client = client
        self._trusted = trusted
        self._may_write = may_write
        self._renew = renew
        self._use(secret)

    def __repr__(self) -> str:
        return f"Api({self._provider.name})"

    def __reduce__(self) -> str:
        raise TypeError("an account is not pickled")

    def detail(self, name: str) -> str:
        """Return a field of the account that is no secret, such as its address; empty when there is none."""
        if any(one.name == name and not one.secret for one in self._provider.fields):
            return self._secret.get(name, "")
        return ""

    async def get(
        self, target: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Read `target`: a path below the first base, or a full address below one of them."""
        return await self.request("GET", target, params, headers=headers)

    async def request(
        self,
        method: str,
        target: str,
        params: Params | None = None,
        *,
        json_body: object = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 20.0,
    ) -> Answer:
        """Send a request and return the answer, whatever its status but 401.

        Raises NotAllowed for an address outside the account, a header that is not a tool's to set, or a change where
        only reading is declared; Unreachable when there is no answer; CredentialRefused when the provider does not
        accept the credential. The account's secret is masked in whatever comes back.
        """
        if method not in _READING and not self._may_write:
            raise NotAllowed(say("accounts.reads_only"))
        url = self._url(target, params)
        content = None if json_body is None else json.dumps(json_body).encode()
        self._check_headers(headers or {})
        sent = {"accept": "application/json", **(headers or {})}
        if content is not None:
            sent["content-type"] = "application/json"
        answer = await self._send(method, url, sent, content, seconds)
        if answer.status == _UNAUTHORIZED and self._renew is not None:
            self._use(await self._renew())
            answer = await self._send(method, url, sent, content, seconds)
        return answer

    def close(self) -> None:
        """Forget the secret; further requests fail."""
        self._use(Secret({}))

    def _use(self, secret: Secret) -> None:
        self._secret = secret
        self._bases = (
            tuple(checked_base(base, self._trusted) for base in self._provider.bases(secret)) if secret else ()
        )
        origins = [_origin(base) for base in self._bases]
        headers: Mapping[str, str] = self._provider.headers(secret) if secret else {}
        self._egress = Egress(
            self._client, trusted=origins, credentials=dict.fromkeys(origins, headers), permits=self._is_inside
        )

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> Answer:
        fetched = await self._egress.request(
            method, url, headers=headers, content=content, max_bytes=_MAX_BYTES, seconds=seconds
        )
        # Here, before a tool cuts or rearranges it: a service may echo what it was sent.
        answered = {name: redactor.clean(value) for name, value in fetched.headers.items()}
        return Answer(fetched.status, answered, redactor.clean_bytes(fetched.body))

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        for name in headers:
            if name.lower() not in _HEADERS and name.lower() not in self._provider.tool_headers:
                raise NotAllowed(say("accounts.header_refused", name=name[:40]))

    def _url(self, target: str, params: Params | None) -> str:
        if not self._bases:
            raise NotAllowed(say("accounts.account_closed"))
        # httpx writes a blank in a query as `+`, which some services (Seerr) refuse.
        query = urlencode({name: _text(value) for name, value in (params or {}).items()}, quote_via=quote)
        url = self._bases[0] + target if target.startswith("/") else target
        full = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
        if not self._is_inside(full):
            raise NotAllowed(say("accounts.outside_account", title=self._provider.title))
        return full

    def _is_inside(self, url: str) -> bool:
        origin, path = Origin.of(url), httpx.URL(url).path
        if _climbs(path):
            return False
        prefixes = [httpx.URL(base).path.rstrip("/") for base in self._bases if _origin(base) == origin]
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _climbs(path: str) -> bool:
    """Whether some reader may take a path for one that leads upwards: encoded twice, or behind a parameter."""
    for _ in range(_MAX_DECODINGS):
        segments = [segment.partition(";")[0] for segment in path.split("/")]
        if not {".", ".."}.isdisjoint(segments) or "\\" in path or not path.isprintable():
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
    return True


@lru_cache(maxsize=1024)
def _origin(base: str) -> Origin:
    return Origin.of(base)


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
