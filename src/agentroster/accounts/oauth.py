"""The OAuth 2 client: authorization code with PKCE, refresh, revocation.

Sources: RFC 6749, 7636 (PKCE), 7009 (revocation), 8414 (discovery), 9207 (`iss`), 9700 (best current practice).
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote_plus, urlencode

import httpx

from agentroster.accounts.api import checked_base
from agentroster.accounts.provider import OAuth
from agentroster.credentials.credential import Secret
from agentroster.errors import NotAllowed, OAuthRefused, Unreachable
from agentroster.messages import say
from agentroster.net.egress import Egress, Fetched, Origin

_DISCOVERY_SECONDS = 3600.0
_MAX_BYTES = 100_000
_SECONDS = 20.0
_MAX_LIFE_SECONDS = 10 * 365 * 86_400
# RFC 6749 section 5.2: of these, only the person can mend the first; the others are the operator's.
_FOR_GOOD = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "bad_refresh_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where an authorization server is spoken to; `iss_required`: its answers always name their issuer."""

    authorize: str
    token: str
    revoke: str = ""
    iss_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an authorization server gave. `expires_at` is in seconds since 1970 UTC."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()

    def secret(self, earlier: Mapping[str, str] | None = None) -> Secret:
        """Return what is stored; a server that does not rotate refresh tokens leaves the earlier one valid."""
        refresh = self.refresh or (earlier or {}).get("refresh_token", "")
        return Secret({"access_token": self.access, **({"refresh_token": refresh} if refresh else {})})


def new_verifier() -> str:
    """Return a fresh PKCE verifier of 43 characters."""
    return secrets.token_urlsafe(32)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class OAuthClient:
    """Speaks to authorization servers. Every address is https, or listed by the operator."""

    def __init__(self, client: httpx.AsyncClient, trusted: frozenset[Origin]) -> None:
        self._client = client
        self._trusted = trusted
        self._discovered: dict[str, tuple[float, Endpoints]] = {}

    async def endpoints(self, oauth: OAuth) -> Endpoints:
        """Return the addresses of a server: fixed ones, or those of its discovery document.

        Raises NotAllowed when the document is of another issuer or does not promise PKCE with S256.
        """
        if oauth.authorize_url:
            return Endpoints(authorize=oauth.authorize_url, token=oauth.token_url, revoke=oauth.revoke_url)
        known = self._discovered.get(oauth.issuer)
        if known is None or known[0] < time.monotonic():
            known = (time.monotonic() + _DISCOVERY_SECONDS, await self._discover(oauth.issuer))
            self._discovered[oauth.issuer] = known
        return known[1]

    def authorize_url(self, oauth: OAuth, endpoints: Endpoints, *, redirect_uri: str, state: str, verifier: str) -> str:
        """Return where the browser is sent."""
        query = {
            "response_type": "code",
            "client_id": oauth.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(oauth.scopes),
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **oauth.extra,
        }
        return f"{endpoints.authorize}{'&' if '?' in endpoints.authorize else '?'}{urlencode(query)}"

    async def exchange(self, oauth: OAuth, *, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """Turn a code into tokens. Raises OAuthRefused or Unreachable."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._tokens(oauth, {**form, "code_verifier": verifier}, oauth.scopes)

    async def refresh(self, oauth: OAuth, refresh_token: str, scopes: tuple[str, ...]) -> Tokens:
        """Get new tokens. Raises OAuthRefused (for good) or Unreachable (try again later)."""
        return await self._tokens(oauth, {"grant_type": "refresh_token", "refresh_token": refresh_token}, scopes)

    async def revoke(self, oauth: OAuth, secret: Mapping[str, str]) -> bool:
        """Give the tokens back; return whether the server confirmed it. Raises Unreachable."""
        endpoints = await self.endpoints(oauth)
        if not oauth.revoke or not endpoints.revoke:
            return False
        if oauth.revoke == "github":
            body = json.dumps({"access_token": secret["access_token"]}).encode()
            headers = _basic(oauth) | {"content-type": "application/json"}
            answer = await self._send("DELETE", endpoints.revoke, body, headers)
        else:
            # The refresh token first: it ends the whole grant (RFC 7009 section 2.1).
            kind = "refresh_token" if secret.get("refresh_token") else "access_token"
            answer = await self._post(oauth, endpoints.revoke, {"token": secret[kind], "token_type_hint": kind})
        return httpx.codes.is_success(answer.status)

    async def _discover(self, issuer: str) -> Endpoints:
        base = checked_base(issuer, self._trusted)
        for path in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
            egress = Egress(self._client, trusted=[Origin.of(base)])
            fetched = await egress.get(base + path, max_bytes=_MAX_BYTES, seconds=_SECONDS)
            if httpx.codes.is_success(fetched.status):
                return self._read_metadata(issuer, _object(fetched))
        raise Unreachable(say("accounts.discovery_missing"))

    def _read_metadata(self, issuer: str, metadata: Mapping[str, Any]) -> Endpoints:
        if metadata.get("issuer") != issuer:
            raise NotAllowed(say("accounts.discovery_other_issuer"))
        methods = metadata.get("code_challenge_methods_supported")
        if not isinstance(methods, list) or "S256" not in methods:
            raise NotAllowed(say("accounts.pkce_missing"))
        addresses = [metadata.get(f"{name}_endpoint", "") for name in ("authorization", "token", "revocation")]
        for address in filter(None, addresses):
            checked_base(str(address).split("?", 1)[0], self._trusted)
        authorize, token, revoke = map(str, addresses)
        if not authorize or not token:
            raise Unreachable(say("accounts.discovery_incomplete"))
        required = metadata.get("authorization_response_iss_parameter_supported") is True
        return Endpoints(authorize=authorize, token=token, revoke=revoke, iss_required=required)

    async def _tokens(self, oauth: OAuth, form: Mapping[str, str], scopes: tuple[str, ...]) -> Tokens:
        endpoints = await self.endpoints(oauth)
        answer = await self._post(oauth, endpoints.token, form)
        if answer.status == 429 or answer.status >= 500:  # noqa: PLR2004
            raise Unreachable(say("accounts.sign_in_busy"))
        body = _object(answer)
        # GitHub answers failures with status 200.
        if not httpx.codes.is_success(answer.status) or "error" in body:
            code = str(body.get("error", ""))
            raise OAuthRefused(say("accounts.sign_in_refused"), for_good=code in _FOR_GOOD)
        return _read_tokens(body, scopes)

    async def _post(self, oauth: OAuth, url: str, form: Mapping[str, str]) -> Fetched:
        """Post a form with proof of who the client is, in the one way its server documents."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if oauth.client_auth == "basic":
            return await self._send("POST", url, urlencode(form).encode(), _basic(oauth) | headers)
        proof = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
        return await self._send("POST", url, urlencode({**form, **proof}).encode(), headers)

    async def _send(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Fetched:
        origin = Origin.of(checked_base(url.split("?", 1)[0], self._trusted))
        egress = Egress(self._client, trusted=[origin])
        sent = {"accept": "application/json", **headers}
        return await egress.request(method, url, headers=sent, content=content, max_bytes=_MAX_BYTES, seconds=_SECONDS)


def _basic(oauth: OAuth) -> dict[str, str]:
    # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    pair = f"{quote_plus(oauth.client_id)}:{quote_plus(oauth.client_secret)}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _object(fetched: Fetched) -> dict[str, Any]:
    try:
        value: object = json.loads(fetched.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unreachable(say("accounts.sign_in_unreadable"))
    return cast("dict[str, Any]", value)


def _read_tokens(body: Mapping[str, Any], asked: tuple[str, ...]) -> Tokens:
    access, refresh, kind = body.get("access_token"), body.get("refresh_token", ""), body.get("token_type", "")
    if not isinstance(access, str) or not access or not isinstance(refresh, str | None):
        raise Unreachable(say("accounts.access_token_missing"))
    if str(kind).lower() != "bearer":
        raise Unreachable(say("accounts.token_kind_unknown"))
    scope = body.get("scope")
    scopes = tuple(scope.replace(",", " ").split()) if isinstance(scope, str) and scope else asked
    return Tokens(access=access, refresh=refresh or "", expires_at=_expiry(body.get("expires_in")), scopes=scopes)


def _expiry(value: object) -> float | None:
    try:
        seconds = float(cast("str", value))
    except (TypeError, ValueError):
        return None
    return time.time() + seconds if 0 < seconds < _MAX_LIFE_SECONDS else None
