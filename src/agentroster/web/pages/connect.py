"""`/roster/connect/{ticket}` and `/roster/oauth/callback/{provider}`: where a person connects an account.

A ticket in the address says who connects what; the browser that begins a sign-in must be the one that ends it.
"""

import hashlib
import hmac
import re
import secrets
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from agentroster.accounts.connect import Connected, Connector
from agentroster.accounts.provider import Provider
from agentroster.credentials.tickets import Ticket
from agentroster.errors import (
    AccountCheckFailed,
    ConnectRefused,
    NotAllowed,
    NotFound,
    OAuthRefused,
    RosterError,
    StorageFailed,
    Unreachable,
)
from agentroster.messages import say
from agentroster.web.pages.languages import Texts, negotiated
from agentroster.web.pages.render import page
from agentroster.web.request_body import BodyLimits, read_body

_LIMITS = BodyLimits(max_bytes=65_536, timeout=20.0)
_MAX_FIELDS = 50
_COOKIE_SECONDS = 900
_COOKIE_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_GONE = 410


class ConnectPages:
    """The pages. Nothing is taken from a request's `Host`: every address comes from the configuration."""

    def __init__(self, connector: Connector, secret: bytes) -> None:
        """`secret` signs the forms."""
        self._connector = connector
        self._secret = secret
        parts = urlsplit(connector.public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._site = parts.netloc
        self._is_secure = parts.scheme == "https"
        # The prefix makes browsers refuse a cookie that another host, or an unprotected page, tries to set.
        self._cookie = "__Host-roster" if self._is_secure else "roster"

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/roster/connect/{ticket}", self._open, methods=["GET"]),
            Route("/roster/connect/{ticket}", self._post, methods=["POST"]),
            Route("/roster/oauth/callback/{provider}", self._callback, methods=["GET"]),
        ]

    async def _open(self, request: Request) -> Response:
        text, secret = _language(request), request.path_params["ticket"]
        try:
            ticket, provider = await self._connector.look(secret)
        except RosterError as error:
            return _failed(text, error, "NAME")
        # A HEAD or a preview of the link changes nothing: the ticket lives until somebody uses it.
        browser = self._browser(request) or secrets.token_urlsafe(32)
        response = await self._form(text, ticket, provider, self._sign(browser, secret))
        response.set_cookie(
            self._cookie, browser, max_age=_COOKIE_SECONDS, httponly=True, secure=self._is_secure, samesite="lax"
        )
        return response

    async def _post(self, request: Request) -> Response:
        text, secret, browser = _language(request), request.path_params["ticket"], self._browser(request)
        fields = await _form_fields(request)
        if not self._is_own_form(request, fields.get("form", ""), browser, secret):
            return _failed(text, ConnectRefused("forged"), "NAME", status=403)
        try:
            ticket, provider = await self._connector.look(secret)
        except RosterError as error:
            return _failed(text, error, "NAME")
        values = {name.removeprefix("field_"): value for name, value in fields.items() if name.startswith("field_")}
        try:
            if fields.get("way") == "oauth":
                return RedirectResponse(await self._connector.begin(secret, browser), 303, _NO_STORE)
            return _done(text, await self._connector.submit(secret, values))
        except ConnectRefused as error:
            return _failed(text, error, provider.name)
        except RosterError as error:
            signed = self._sign(browser, secret)
            return await self._form(text, ticket, provider, signed, problem=error, values=values)

    async def _callback(self, request: Request) -> Response:
        text, name = _language(request), request.path_params["provider"]
        # A parameter that is given twice means different things to different readers.
        query = dict(request.query_params)
        try:
            if len(query) != len(request.query_params.multi_items()):
                raise ConnectRefused("provider_error", detail=say("web.parameter_repeated"))
            connected = await self._connector.finish(name, query, self._browser(request))
        except NotFound:
            return _failed(text, ConnectRefused("flow_gone"), "NAME")
        except RosterError as error:
            return _failed(text, error, name)
        return _done(text, connected)

    async def _form(
        self,
        text: Texts,
        ticket: Ticket,
        provider: Provider,
        form_token: str,
        *,
        problem: RosterError | None = None,
        values: dict[str, str] | None = None,
    ) -> Response:
        try:
            forms_to = await self._connector.authorize_origin(provider)
        except RosterError as error:
            problem, forms_to = problem or error, ""
        shown = {one.name for one in provider.fields if not one.secret}
        return page(
            "connect",
            text,
            status=422 if problem else 200,
            forms_to=forms_to,
            provider=provider,
            person=ticket.person,
            site=self._site,
            signs_in=bool(forms_to),
            problem=_words(text, problem) if problem else "",
            form_token=form_token,
            values={name: value for name, value in (values or {}).items() if name in shown},
        )

    def _is_own_form(self, request: Request, form_token: str, browser: str, secret: str) -> bool:
        origin = request.headers.get("origin", self._origin)
        site = request.headers.get("sec-fetch-site", "same-origin")
        expected = self._sign(browser, secret)
        signed = bool(browser) and hmac.compare_digest(form_token.encode(), expected.encode())
        return signed and origin == self._origin and site in {"same-origin", "none"}

    def _sign(self, browser: str, secret: str) -> str:
        return hmac.new(self._secret, f"{browser}.{secret}".encode(), hashlib.sha256).hexdigest()

    def _browser(self, request: Request) -> str:
        value = request.cookies.get(self._cookie, "")
        return value if _COOKIE_FORM.fullmatch(value) else ""


_NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


def _language(request: Request) -> Texts:
    return negotiated(request.headers.get("accept-language", ""))


async def _form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form; none when it is no form that a page of ours could have sent."""
    try:
        body = await read_body(request.receive, _LIMITS)
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except (RosterError, ValueError):
        return {}


def _done(text: Texts, connected: Connected) -> Response:
    return page("done", text, provider=connected.provider, account=connected.label)


def _failed(text: Texts, error: RosterError, provider_name: str, *, status: int | None = None) -> Response:
    gone = isinstance(error, ConnectRefused) and error.reason == "link_gone"
    detail = error.detail if isinstance(error, ConnectRefused) else ""
    return page(
        "failed",
        text,
        status=status or (error.status if isinstance(error, StorageFailed) else _GONE if gone else 400),
        problem=_words(text, error),
        detail=detail,
        provider_name=provider_name,
    )


def _words(text: Texts, error: RosterError) -> str:
    match error:
        case ConnectRefused():
            return text(error.reason)
        case AccountCheckFailed():
            return text(error.reason, **{name: text.field(value) for name, value in error.values.items()})
        case NotAllowed():
            return text("address_refused")
        case Unreachable() | OAuthRefused():
            return text("unreachable")
        case _:
            return error.message
