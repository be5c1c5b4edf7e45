"""Connects an account: makes a ticket for a link, checks a token, or follows an OAuth flow to its end."""

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentroster.accounts.access import AccountSource, owner_of, require_person
from agentroster.accounts.api import Api
from agentroster.accounts.oauth import OAuthClient, new_verifier
from agentroster.accounts.provider import OAuth, Profile, Provider
from agentroster.credentials.audit import Act
from agentroster.credentials.credential import Credential, Owner, Secret
from agentroster.credentials.tickets import Flow, Ticket, digest
from agentroster.errors import AccountCheckFailed, BadInput, ConnectRefused, RosterError
from agentroster.identity.caller import Caller
from agentroster.logs import redactor
from agentroster.messages import say

logger = logging.getLogger(__name__)

_MAX_VALUE = 8_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Connected:
    """What a successful connection shows: the provider, and the account's own name."""

    provider: Provider
    ticket: Ticket
    label: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What a disconnect did. `revoked`: the provider confirmed that the tokens are worth nothing now."""

    existed: bool
    revoked: bool


class Connector:
    """Connects and disconnects accounts. Nothing here trusts a request's host, or a person it cannot prove."""

    def __init__(self, source: AccountSource, oauth: OAuthClient, public_url: str) -> None:
        self.source = source
        self.public_url = public_url.rstrip("/")
        self._oauth = oauth
        self._store = source.store
        self.when_changed: Callable[[Owner], object] = lambda _: None
        """Called with the owner of every account that was connected."""

    async def link(self, caller: Caller, name: str) -> str:
        """Return a link, good once and for ten minutes, where this caller connects an account.

        Raises NotAllowed without a proven person, NotFound for an unknown provider.
        """
        require_person(caller)
        provider = self.source.providers.get(name)
        tickets = self._store.tickets
        ticket = await self._store.in_thread(tickets.issue, owner_of(caller, provider.name), caller.shown_name)
        return f"{self.public_url}/roster/connect/{ticket}"

    async def look(self, secret: str) -> tuple[Ticket, Provider]:
        """Return what a ticket permits, leaving it as it is. Raises ConnectRefused for one that is no longer good."""
        ticket = await self._ticket(self._store.tickets.look, secret)
        return ticket, self.source.providers.get(ticket.owner.provider)

    def callback_uri(self, provider: Provider) -> str:
        """Return the one redirect address of a provider, from configuration only."""
        return f"{self.public_url}/roster/oauth/callback/{provider.name}"

    async def submit(self, secret: str, values: Mapping[str, str]) -> Connected:
        """Check a token with the provider and store it; the ticket is used up by success only.

        Raises ConnectRefused for a dead ticket, BadInput, NotAllowed or Unreachable for a token that does not work.
        """
        ticket = await self._ticket(self._store.tickets.attempt, secret)
        provider = self.source.providers.get(ticket.owner.provider)
        with redactor.watching():
            given = read_form(provider, values)
            profile = await self._check(provider, given)
            await self._ticket(self._store.tickets.take, secret)
            await self._keep(Credential(owner=ticket.owner, label=profile.label, scopes=profile.scopes), given)
        return Connected(provider, ticket, profile.label)

    async def paste(self, caller: Caller, name: str, words: list[str]) -> str:
        """Store a token that was written in a chat as `/token PROVIDER ...`; return the account's name.

        Raises BadInput with the right form, and as `submit`.
        """
        require_person(caller)
        provider = self.source.providers.get(name)
        wanted = [one for one in provider.fields if one.required]
        fields = provider.fields if len(words) == len(provider.fields) else wanted
        if not provider.fields or len(words) != len(fields):
            raise BadInput(say("accounts.token_usage", usage=provider.token_usage, name=name))
        with redactor.watching():
            given = read_form(provider, {one.name: word for one, word in zip(fields, words, strict=True)})
            profile = await self._check(provider, given)
            owner = owner_of(caller, name)
            await self._keep(Credential(owner=owner, label=profile.label, scopes=profile.scopes), given)
        return profile.label

    async def begin(self, secret: str, browser: str) -> str:
        """Use the ticket up and return the provider's page; `browser` is the value of this browser's cookie.

        Raises ConnectRefused for a dead ticket, and what asking the provider for its addresses raises.
        """
        _, provider = await self.look(secret)
        oauth = _oauth_of(provider)
        endpoints = await self._oauth.endpoints(oauth)
        ticket = await self._ticket(self._store.tickets.take, secret)
        verifier, redirect_uri = new_verifier(), self.callback_uri(provider)
        details = {
            "verifier": verifier,
            "redirect_uri": redirect_uri,
            "issuer": oauth.issuer,
            "iss_required": str(endpoints.iss_required),
            "person": ticket.person,
        }
        tickets = self._store.tickets
        state = await self._store.in_thread(tickets.begin_flow, ticket.owner, digest(browser), details)
        return self._oauth.authorize_url(oauth, endpoints, redirect_uri=redirect_uri, state=state, verifier=verifier)

    async def authorize_origin(self, provider: Provider) -> str:
        """Return where the page's form leads after our redirect, for its content policy; empty without OAuth."""
        if provider.oauth is None:
            return ""
        address = (await self._oauth.endpoints(provider.oauth)).authorize
        return "/".join(address.split("/", 3)[:3])

    async def finish(self, name: str, query: Mapping[str, str], browser: str) -> Connected:
        """Complete a flow from its callback.

        The state is used up first, whatever else is wrong. Raises ConnectRefused with a reason for each check that
        fails, and what the exchange of the code raises.
        """
        flow = await self._store.in_thread(self._store.tickets.take_flow, query.get("state", ""))
        if flow is None or flow.owner.provider != name:
            raise ConnectRefused("flow_gone")
        if not browser or not hmac.compare_digest(flow.browser, digest(browser)):
            raise ConnectRefused("other_browser")
        provider = self.source.providers.get(name)
        oauth = _oauth_of(provider)
        _check_issuer(flow, query, oauth)
        if "error" in query:
            code = query["error"] if _ERROR_CODE.fullmatch(query["error"]) else "error"
            raise ConnectRefused("denied" if code == "access_denied" else "provider_error", detail=code)
        if not query.get("code"):
            raise ConnectRefused("provider_error", detail="no code")
        with redactor.watching():
            redactor.watch([query["code"], flow.details["verifier"]])
            return await self._exchange(provider, oauth, flow, query["code"])

    async def disconnect(self, caller: Caller, name: str) -> Disconnected:
        """Remove a person's account here, and give its tokens back at the provider where that is possible."""
        require_person(caller)
        provider = self.source.providers.get(name)
        stored = await self._store.in_thread(self._store.find, owner_of(caller, name))
        if stored is None:
            return Disconnected(existed=False, revoked=False)
        revoked = await self._revoke(provider, stored.secret)
        act = Act(action="disconnect", actor="user", outcome="revoked" if revoked else "ok")
        existed = await self._store.in_thread(self._store.delete, stored.credential.owner, act)
        return Disconnected(existed, revoked)

    async def connections(self, caller: Caller) -> list[Credential]:
        """Return what may be shown of a person's accounts."""
        require_person(caller)
        return await self._store.in_thread(self._store.list, caller.user, caller.issuer)

    async def _ticket(self, step: Callable[[str], Ticket | None], secret: str) -> Ticket:
        ticket = await self._store.in_thread(step, secret)
        if ticket is None:
            raise ConnectRefused("link_gone")
        return ticket

    async def _exchange(self, provider: Provider, oauth: OAuth, flow: Flow, code: str) -> Connected:
        tokens = await self._oauth.exchange(
            oauth, code=code, verifier=flow.details["verifier"], redirect_uri=flow.details["redirect_uri"]
        )
        secret = tokens.secret()
        profile = await self._check(provider, secret)
        owner, scopes = flow.owner, profile.scopes or tokens.scopes
        kept = Credential(owner=owner, label=profile.label, scopes=scopes, expires_at=tokens.expires_at)
        await self._keep(kept, secret)
        return Connected(provider, Ticket(owner=owner, person=flow.details["person"]), profile.label)

    async def _check(self, provider: Provider, secret: Secret) -> Profile:
        redactor.watch(provider.hidden(secret))
        api = Api(provider, secret, self.source.client, self.source.trusted)
        try:
            profile = await provider.check(api)
        finally:
            api.close()
        # A provider that echoes the token in a name would put it into the clear.
        return Profile(label=redactor.clean(_CONTROL.sub(" ", profile.label))[:200], scopes=profile.scopes)

    async def _keep(self, credential: Credential, secret: Secret) -> None:
        await self._store.in_thread(self._store.put, credential, secret, Act(action="connect", actor="user"))
        self.when_changed(credential.owner)

    async def _revoke(self, provider: Provider, secret: Secret) -> bool:
        if provider.oauth is None or "access_token" not in secret:
            return False
        with redactor.watching():
            redactor.watch(secret.values())
            try:
                return await self._oauth.revoke(provider.oauth, secret)
            except RosterError as error:
                logger.warning("%s did not take a token back: %s", provider.name, error.message)
                return False


def read_form(provider: Provider, values: Mapping[str, str]) -> Secret:
    """Return the fields of a token form. Raises BadInput, naming the field that is missing or not usable."""
    found: dict[str, str] = {}
    for one in provider.fields:
        value = values.get(one.name, "").strip()
        if not value and one.required:
            raise AccountCheckFailed("field_missing", say("accounts.field_missing", name=one.name), field=one.label)
        # Blanks and line breaks come from copying; no token and no address has them inside.
        if len(value) > _MAX_VALUE or _CONTROL.search(value) or (one.secret and not value.isascii()):
            raise AccountCheckFailed("field_unusable", say("accounts.field_unusable", name=one.name), field=one.name)
        if value:
            found[one.name] = value
    return Secret(found)


def _check_issuer(flow: Flow, query: Mapping[str, str], oauth: OAuth) -> None:
    # RFC 9207: exact comparison, before anything else of the answer is believed or shown.
    given, expected = query.get("iss"), flow.details["issuer"]
    missing = given is None and flow.details["iss_required"] == "True"
    if missing or (given is not None and given != expected) or expected != oauth.issuer:
        raise ConnectRefused("other_issuer")


def _oauth_of(provider: Provider) -> OAuth:
    if provider.oauth is None:
        raise BadInput(say("accounts.no_sign_in", title=provider.title))
    return provider.oauth
