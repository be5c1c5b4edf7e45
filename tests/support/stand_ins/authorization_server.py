"""A strict OAuth 2.0 and OpenID Connect authorization server, with a resource that its tokens open.

Source: RFC 6749, 6750, 7009, 7636, 8414, 9207 and 9700. What these leave to the server is refused here. It issues no
ID token. The browser is signed in as `user` and approves at once; `answers` and `token_answers` make it misbehave.
"""

import asyncio
import base64
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.support.stand_ins.github import PKCE, SeenRequest, challenge_of, seen, with_query

SECRETS = {"client_secret", "code_verifier", "access_token", "refresh_token", "token"}
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
TokenAnswer = Response | Callable[[dict[str, str]], Response | None]


@dataclass
class Family:
    """All tokens that come from one approval; they die together."""

    client_id: str
    user: dict[str, str]
    scopes: set[str]
    alive: bool = True


@dataclass
class Code:
    family: Family
    redirect_uri: str
    challenge: str
    expires_at: float
    used: bool = False


@dataclass
class AccessToken:
    family: Family
    expires_at: float
    revoked: bool = False

    @property
    def live(self) -> bool:
        return self.family.alive and not self.revoked and time.monotonic() < self.expires_at


@dataclass
class RefreshToken:
    family: Family
    used: bool = False


class Refused(Exception):
    """An error answer of RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        headers = NO_STORE | ({"www-authenticate": 'Basic realm="stand-in"'} if status == 401 else {})
        self.error, self.description = error, description
        self.response = JSONResponse({"error": error, "error_description": description}, status, headers)


class AuthorizationServer:
    """Issues tokens by the rules, and remembers each request."""

    CLIENT_ID = "roster-at-stand-in"
    CLIENT_SECRET = "as-canary-secret/9+Kd:%7Ew"  # a client that forgets to form-encode it for Basic is refused

    def __init__(self) -> None:
        self.hold: threading.Event | None = None
        self.holding = threading.Event()
        self.reset()
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/.well-known/oauth-authorization-server", self.metadata),
                Route("/jwks", self.jwks),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/revoke", self.revoke, methods=["POST"]),
                Route("/userinfo", self.userinfo),
                Route("/api/whoami", self.whoami),
            ]
        )

    def reset(self) -> None:
        """Forget everything and let a held request go."""
        if self.hold:
            self.hold.set()
        self.hold = None
        self.holding.clear()
        self.requests: list[SeenRequest] = []
        self.token_requests: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self.clients: dict[str, str] = {self.CLIENT_ID: self.CLIENT_SECRET}
        self.redirect_uris: set[str] = set()
        self.scopes = {"openid", "profile", "email", "offline_access", "read", "write"}
        self.user = {"sub": "u-1", "name": "Ada Example", "email": "ada@example.org", "preferred_username": "ada"}
        self.metadata_changes: dict[str, Any] = {}
        self.advertise_iss = True
        self.answers: list[dict[str, str | None]] = []
        self.token_answers: list[TokenAnswer] = []
        self.expires_in: Any = 3600
        self.code_lifetime = 60.0
        self.issue_refresh_tokens = True
        self._codes: dict[str, Code] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}

    def live_access_tokens(self) -> list[str]:
        """Return the access tokens that still open something."""
        return [value for value, token in self._access.items() if token.live]

    def live_refresh_tokens(self) -> list[str]:
        """Return the refresh tokens that still give something."""
        return [value for value, token in self._refresh.items() if token.family.alive and not token.used]

    def revoke_all(self) -> None:
        """Do what an administrator does: end every grant."""
        for token in [*self._access.values(), *self._refresh.values()]:
            token.family.alive = False

    def expire_access_tokens(self) -> None:
        """Let time pass for access tokens only."""
        for token in self._access.values():
            token.expires_at = time.monotonic()

    async def metadata(self, request: Request) -> Response:
        """Serve RFC 8414 metadata, with the changes a test asked for."""
        self.requests.append(await seen(request))
        issuer = issuer_of(request)
        methods = ["client_secret_basic", "client_secret_post"]
        document: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "revocation_endpoint": f"{issuer}/revoke",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "scopes_supported": sorted(self.scopes),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        if self.advertise_iss:
            document["authorization_response_iss_parameter_supported"] = True
        document |= self.metadata_changes
        return JSONResponse({key: value for key, value in document.items() if value is not None})

    async def jwks(self, request: Request) -> Response:
        """Serve no keys: nothing is signed."""
        self.requests.append(await seen(request))
        return JSONResponse({"keys": []})

    async def authorize(self, request: Request) -> Response:
        """Approve at once; a wrong client or redirect URI gets a page, never a redirect."""
        self.requests.append(await seen(request))
        query = dict(request.query_params)
        if query.get("client_id") not in self.clients or query.get("redirect_uri") not in self.redirect_uris:
            return PlainTextResponse("Unknown client or redirect URI", 400)
        if len(query) != len(request.query_params.multi_items()) or SECRETS & query.keys():
            return PlainTextResponse("A parameter twice, or a secret in the address", 400)
        try:
            answer: dict[str, str | None] = {"code": self._new_code(query)}
        except Refused as refused:
            answer = {"error": refused.error, "error_description": refused.description}
        answer |= {"state": query.get("state"), "iss": issuer_of(request) if self.advertise_iss else None}
        if self.answers:
            override = self.answers.pop(0)
            answer |= ({"code": None} if "error" in override else {}) | override
        parameters = {key: value for key, value in answer.items() if value is not None}
        response = with_query(query["redirect_uri"], parameters)
        response.headers.update(NO_STORE)
        return response

    def _new_code(self, query: dict[str, str]) -> str:
        scopes = set(query.get("scope", "").split())
        if query.get("response_type") != "code":
            raise Refused("unsupported_response_type", "Only code is supported")
        if not query.get("state"):
            raise Refused("invalid_request", "state is missing")
        if query.get("code_challenge_method") != "S256" or not PKCE.fullmatch(query.get("code_challenge", "")):
            raise Refused("invalid_request", "A PKCE challenge with S256 is required")
        if not scopes or not scopes <= self.scopes:
            raise Refused("invalid_scope", "Ask for scopes of scopes_supported")
        code = f"code-canary-{secrets.token_urlsafe(18)}"
        family = Family(query["client_id"], dict(self.user), scopes)
        expires_at = time.monotonic() + self.code_lifetime
        self._codes[code] = Code(family, query["redirect_uri"], query["code_challenge"], expires_at)
        return code

    async def token(self, request: Request) -> Response:
        """Serve POST /token, after `hold` is set and unless a test scripted the answer."""
        self.requests.append(await seen(request))
        body = self.requests[-1].body
        self.token_requests.append(dict(parse_qsl(body)))
        form = self.token_requests[-1]
        if hold := self.hold:
            self.holding.set()
            await asyncio.to_thread(hold.wait, 60)
        if self.token_answers:
            scripted = self.token_answers.pop(0)
            answer = scripted if isinstance(scripted, Response) else scripted(form)
            if answer is not None:
                return answer
        try:
            check_form(request, body)
            family, scopes = self._grant(self._client(request, form), form)
        except Refused as refused:
            return refused.response
        return self._issue(family, scopes)

    def _client(self, request: Request, form: dict[str, str]) -> str:
        """Return the client that proved itself in exactly one way."""
        authorization = request.headers.get("authorization")
        if authorization is not None and "client_secret" in form:
            raise Refused("invalid_request", "Two ways of client authentication")
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization is not None:
            named, secret = basic(authorization)
            if form.get("client_id", named) != named:
                raise Refused("invalid_request", "Two clients in one request")
            client_id = named
        if not secret or self.clients.get(client_id) != secret:
            raise Refused("invalid_client", "Client authentication failed", 401)
        return client_id

    def _grant(self, client_id: str, form: dict[str, str]) -> tuple[Family, set[str]]:
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(client_id, form)
            case "refresh_token":
                return self._rotate(client_id, form)
            case None:
                raise Refused("invalid_request", "grant_type is missing")
        raise Refused("unsupported_grant_type", "Use authorization_code or refresh_token")

    def _redeem(self, client_id: str, form: dict[str, str]) -> tuple[Family, set[str]]:
        """Take a code once; taken twice, it takes its tokens with it."""
        if missing := {"code", "redirect_uri", "code_verifier"} - form.keys():
            raise Refused("invalid_request", f"Missing: {', '.join(sorted(missing))}")
        code = self._codes.get(form["code"])
        if code is None or code.family.client_id != client_id:
            raise Refused("invalid_grant", "Unknown code")
        if code.used:
            code.family.alive = False
            raise Refused("invalid_grant", "The code was used before; its tokens are revoked")
        code.used = True
        if time.monotonic() >= code.expires_at:
            raise Refused("invalid_grant", "The code has expired")
        if form["redirect_uri"] != code.redirect_uri:
            raise Refused("invalid_grant", "Another redirect_uri than in the authorization request")
        if challenge_of(form["code_verifier"]) != code.challenge:
            raise Refused("invalid_grant", "The code_verifier does not fit")
        return code.family, code.family.scopes

    def _rotate(self, client_id: str, form: dict[str, str]) -> tuple[Family, set[str]]:
        """Take a refresh token once; taken twice, the whole family dies."""
        if "refresh_token" not in form:
            raise Refused("invalid_request", "Missing: refresh_token")
        token = self._refresh.get(form["refresh_token"])
        if token is None or token.family.client_id != client_id or not token.family.alive:
            raise Refused("invalid_grant", "Unknown or revoked refresh token")
        if token.used:
            token.family.alive = False
            raise Refused("invalid_grant", "The refresh token was used before; the grant is revoked")
        scopes = set(form["scope"].split()) if "scope" in form else token.family.scopes
        if not scopes <= token.family.scopes:
            raise Refused("invalid_scope", "A refresh may not widen the scope")
        token.used = True
        return token.family, scopes

    def _issue(self, family: Family, scopes: set[str]) -> Response:
        access = f"at-canary-{secrets.token_urlsafe(24)}"
        lifetime = self.expires_in if isinstance(self.expires_in, int) else 3600
        self._access[access] = AccessToken(family, time.monotonic() + lifetime)
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "scope": " ".join(sorted(scopes))}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if self.issue_refresh_tokens:
            answer["refresh_token"] = f"rt-canary-{secrets.token_urlsafe(24)}"
            self._refresh[answer["refresh_token"]] = RefreshToken(family)
        return JSONResponse(answer, headers=NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """Serve RFC 7009: an unknown token is no error, a refresh token ends its family."""
        self.requests.append(await seen(request))
        body = self.requests[-1].body
        form = dict(parse_qsl(body))
        try:
            check_form(request, body)
            client_id = self._client(request, form)
            if "token" not in form:
                raise Refused("invalid_request", "Missing: token")
            token = self._access.get(form["token"]) or self._refresh.get(form["token"])
            if token and token.family.client_id != client_id:
                raise Refused("invalid_grant", "The token belongs to another client")
        except Refused as refused:
            return refused.response
        self.revoked.append(form["token"])
        if isinstance(token, AccessToken):
            token.revoked = True
        elif token:
            token.family.alive = False
        return Response(status_code=200, headers=NO_STORE)

    async def userinfo(self, request: Request) -> Response:
        """Serve the claims of the person who approved."""
        return await self._protected(request, lambda user: user)

    async def whoami(self, request: Request) -> Response:
        """Serve the protected resource."""
        return await self._protected(request, lambda user: {"login": user["preferred_username"], "id": user["sub"]})

    async def _protected(self, request: Request, answer: Callable[[dict[str, str]], dict[str, str]]) -> Response:
        self.requests.append(await seen(request))
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._access.get(value) if scheme.lower() == "bearer" else None
        if token and token.live and not SECRETS & request.query_params.keys():
            return JSONResponse(answer(token.family.user), headers=NO_STORE)
        problem = ', error="invalid_token"' if "authorization" in request.headers else ""
        headers = NO_STORE | {"www-authenticate": f'Bearer realm="stand-in"{problem}'}
        return JSONResponse({"error": "invalid_token"}, 401, headers)


def issuer_of(request: Request) -> str:
    """Return the address the server listens on, whatever the Host header says."""
    host, port = request.scope["server"]
    return f"http://{host}:{port}"


def check_form(request: Request, body: str) -> None:
    """Refuse anything but a form with each parameter once, and any query string."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "The body must be a form")
    names = [name for name, _ in parse_qsl(body, keep_blank_values=True)]
    if len(names) != len(set(names)):
        raise Refused("invalid_request", "A parameter twice")
    if request.url.query:
        raise Refused("invalid_request", "Parameters belong in the body")


def basic(authorization: str) -> tuple[str, str]:
    """Return id and secret of an Authorization header; both are form-encoded (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        colon = name = secret = ""
    if scheme.lower() != "basic" or not colon:
        raise Refused("invalid_client", "Client authentication failed", 401)
    return unquote_plus(name), unquote_plus(secret)
