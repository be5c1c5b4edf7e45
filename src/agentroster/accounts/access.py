"""Opens a caller's accounts for one tool call: only those that its skill declares."""

import asyncio
from dataclasses import dataclass, field, replace
from uuid import uuid4

import httpx

from agentroster.accounts.api import Api
from agentroster.accounts.provider import Provider
from agentroster.accounts.refresh import Refresher
from agentroster.accounts.registry import ProviderRegistry
from agentroster.accounts.use_record import UseRecord
from agentroster.credentials.audit import STARTED, Act
from agentroster.credentials.credential import Owner, Secret
from agentroster.credentials.store import CredentialStore, Stored
from agentroster.errors import CredentialMissing, CredentialRefused, NotAllowed, RosterError
from agentroster.identity.caller import Caller
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.net.egress import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSource:
    """What it takes to open an account; one for the process."""

    providers: ProviderRegistry
    store: CredentialStore
    refresher: Refresher
    uses: UseRecord
    client: httpx.AsyncClient
    trusted: frozenset[Origin]


@dataclass(slots=True, kw_only=True)
class _Opened:
    owner: Owner
    act: Act
    api: Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of one caller, as far as one skill declares them. `for_call` makes the one a tool call uses."""

    source: AccountSource
    caller: Caller
    declared: frozenset[str] = frozenset()
    agent: str = ""
    tool: str = ""
    may_write: bool = False
    _opened: dict[str, _Opened] = field(default_factory=dict[str, _Opened])
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def for_call(self, tool: str, *, may_write: bool) -> "Accounts":
        """Return the accounts for one call of a tool; `close` it when the call is over."""
        return replace(self, tool=tool, may_write=may_write, _opened={}, _opening=asyncio.Lock())

    async def open(self, name: str) -> Api:
        """Return the caller's account at a provider, read from the store now.

        Raises NotAllowed when the skill does not declare it or nobody in particular asks, CredentialMissing when it
        is not connected, CredentialRefused when the provider no longer accepts it.
        """
        if name not in self.declared:
            raise NotAllowed(say("accounts.not_declared", name=name[:60]))
        require_person(self.caller)
        # Tools do several things at once: one account is still opened, and recorded, once.
        async with self._opening:
            known = self._opened.get(name)
            return known.api if known is not None else await self._open(name)

    async def _open(self, name: str) -> Api:
        provider = self.source.providers.get(name)
        owner = owner_of(self.caller, name)
        act = Act(action="use", actor="user", agent=self.agent, tool=self.tool, use_id=uuid4().hex)
        store = self.source.store
        stored = await store.in_reader(store.find, owner)
        if stored is None:
            raise CredentialMissing(provider.name, provider.title)
        self._note(owner, act, STARTED)
        try:
            if stored.credential.state == "reconnect":
                raise CredentialRefused(provider.name, provider.title)
            stored = await self.source.refresher.fresh(provider, stored)
            return self._remember(provider, owner, act, stored)
        except RosterError as error:
            self._note(owner, act, error.code)
            raise

    def close(self, outcome: str) -> None:
        """Forget the secrets and note how the call ended."""
        for opened in self._opened.values():
            opened.api.close()
            self._note(opened.owner, opened.act, outcome)
        self._opened.clear()

    def _note(self, owner: Owner, act: Act, outcome: str) -> None:
        self.source.uses.note(owner, replace(act, outcome=outcome))

    def _remember(self, provider: Provider, owner: Owner, act: Act, stored: Stored) -> Api:
        _watch(provider, stored.secret)
        latest = stored

        async def renew() -> Secret:
            nonlocal latest
            latest = await self.source.refresher.renewed(provider, latest)
            _watch(provider, latest.secret)
            return latest.secret

        api = Api(
            provider, stored.secret, self.source.client, self.source.trusted, may_write=self.may_write, renew=renew
        )
        self._opened[provider.name] = _Opened(owner=owner, act=act, api=api)
        return api


def require_person(caller: Caller) -> None:
    """Raise NotAllowed when nobody in particular asks."""
    if not caller.is_person:
        raise NotAllowed(say("accounts.identity_needed"))


def owner_of(caller: Caller, provider: str) -> Owner:
    """Return the owner of a proven caller's credential for a provider."""
    return Owner(issuer=caller.issuer, subject=caller.user or "", provider=provider)


def _watch(provider: Provider, secret: Secret) -> None:
    # Also as the header carries it: a server may echo what it was sent.
    headers = (header.partition(" ")[2] or header for header in provider.headers(secret).values())
    redactor.watch({*provider.hidden(secret), *headers})
