"""Refreshes access tokens: one refresh at a time for each credential, in all processes."""

import asyncio
import logging
import time
from dataclasses import replace

import httpx

from agentroster.accounts.api import Api
from agentroster.accounts.oauth import OAuthClient
from agentroster.accounts.provider import Provider
from agentroster.credentials.audit import Act
from agentroster.credentials.credential import Owner
from agentroster.credentials.store import CredentialStore, Stored
from agentroster.errors import (
    AccountCheckFailed,
    CredentialMissing,
    CredentialRefused,
    OAuthRefused,
    RosterError,
    Unreachable,
)
from agentroster.messages import say
from agentroster.net.egress import Origin

logger = logging.getLogger(__name__)

_EARLY_SECONDS = 60.0
_LEASE_SECONDS = 45.0
_LOOK_AGAIN_SECONDS = 0.1


class Refresher:
    """Refreshes tokens in tasks of its own, so that a client that goes away loses no rotated token unstored."""

    def __init__(
        self, store: CredentialStore, oauth: OAuthClient, client: httpx.AsyncClient, trusted: frozenset[Origin]
    ) -> None:
        self._store = store
        self._oauth = oauth
        self._client = client
        self._trusted = trusted
        self._running: dict[Owner, asyncio.Task[Stored]] = {}

    async def fresh(self, provider: Provider, stored: Stored) -> Stored:
        """Return the credential, refreshed when its time is nearly over. Raises as `renewed`."""
        expires = stored.credential.expires_at
        if provider.oauth is None or expires is None or time.time() < expires - _EARLY_SECONDS:
            return stored
        try:
            return await self.renewed(provider, stored)
        except Unreachable:
            if time.time() < expires:
                return stored
            raise

    async def renewed(self, provider: Provider, refused: Stored) -> Stored:
        """Return a newer credential than this one.

        Raises CredentialRefused, having marked it, when only its owner can mend that; Unreachable when the sign-in
        service has trouble.
        """
        owner = refused.credential.owner
        task = self._running.get(owner)
        if task is None:
            task = asyncio.create_task(self._renew(provider, refused))
            self._running[owner] = task
            task.add_done_callback(lambda _: self._running.pop(owner, None))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Wait for refreshes on their way."""
        if self._running:
            await asyncio.wait([*self._running.values()])

    async def _renew(self, provider: Provider, refused: Stored) -> Stored:
        owner, deadline = refused.credential.owner, time.monotonic() + _LEASE_SECONDS
        while True:
            current = await self._current(provider, owner)
            if current.sealed != refused.sealed:
                # Somebody connected again, or another process was faster.
                return current
            if provider.oauth is None or not current.secret.get("refresh_token"):
                await self._confirm_refusal(provider, current)
                return current
            if await self._store.in_thread(self._store.take_lease, current, _LEASE_SECONDS):
                return await self._ask(provider, current)
            if time.monotonic() > deadline:
                raise Unreachable(say("accounts.refreshed_elsewhere", title=provider.title))
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _confirm_refusal(self, provider: Provider, current: Stored) -> None:
        """Ask the provider's own check: one address that refuses everybody must cost nobody their account."""
        api = Api(provider, current.secret, self._client, self._trusted)
        try:
            await provider.check(api)
        except AccountCheckFailed:
            await self._give_up(provider, current)
        except RosterError:
            # The provider has trouble, and says nothing about the credential.
            return
        finally:
            api.close()

    async def _current(self, provider: Provider, owner: Owner) -> Stored:
        current = await self._store.in_thread(self._store.find, owner)
        if current is None:
            raise CredentialMissing(provider.name, provider.title)
        return current

    async def _ask(self, provider: Provider, current: Stored) -> Stored:
        if provider.oauth is None:
            return current
        credential = current.credential
        try:
            tokens = await self._oauth.refresh(provider.oauth, current.secret["refresh_token"], credential.scopes)
        except OAuthRefused as error:
            if error.for_good:
                await self._give_up(provider, current)
            await self._release(current)
            raise Unreachable(say("accounts.sign_in_not_renewed", title=provider.title)) from error
        except Unreachable:
            await self._release(current)
            raise
        newer = replace(credential, expires_at=tokens.expires_at, scopes=tokens.scopes)
        act = Act(action="refresh", actor="proxy")
        await self._store.in_thread(self._store.replace, current, newer, tokens.secret(current.secret), act)
        return await self._current(provider, credential.owner)

    async def _release(self, current: Stored) -> None:
        await self._store.in_thread(self._store.release_lease, current)

    async def _give_up(self, provider: Provider, current: Stored) -> None:
        act = Act(action="refresh", actor="proxy", outcome="refused")
        await self._store.in_thread(self._store.mark, current, "reconnect", act)
        raise CredentialRefused(provider.name, provider.title)
