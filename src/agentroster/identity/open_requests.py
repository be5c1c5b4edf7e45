"""Keeps the requests that are being answered, and can end them early."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from contextvars import ContextVar
from typing import Protocol, TypeAlias

from agentroster.errors import RosterError, Stopping, Unauthenticated
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.signals.signals import Signals
from agentroster.signals.topics import KEYS

logger = logging.getLogger(__name__)

Active: TypeAlias = Callable[[AbstractSet[str]], Awaitable[AbstractSet[str]]]

_LOOK_SECONDS = 1.0
# These are no rows of the key table.
_FIXED_KEYS = frozenset({"", "master", "openwebui"})


class OpenRequest(Protocol):
    """One request; `caller` is known once its key has been checked."""

    caller: Caller | None
    is_followed: bool

    def end(self, error: RosterError) -> None:
        """Stop the work on it, and answer with an error instead."""
        ...


current: ContextVar[OpenRequest | None] = ContextVar("roster_open_request", default=None)


def note_caller(caller: Caller) -> None:
    """Note who asks, so that the request ends when their key does."""
    request = current.get()
    if request is not None:
        request.caller = caller


class OpenRequests:
    """All requests of this process."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._open: set[OpenRequest] = set()
        self._none_open = asyncio.Event()

    def add(self, request: OpenRequest) -> None:
        """Add a request that begins."""
        self._open.add(request)

    def discard(self, request: OpenRequest) -> None:
        """Forget a request that is answered."""
        self._open.discard(request)
        if self.is_stopping and not self._open:
            self._none_open.set()

    async def stop(self, grace_seconds: float) -> None:
        """Admit nothing more, wait up to `grace_seconds` for open requests, then end them."""
        self.is_stopping = True
        # They would last as long as the grace, and can be taken up again elsewhere.
        self._end(Stopping(), lambda request: request.is_followed)
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self._none_open.wait()
        self._end(Stopping(), lambda _: True)

    async def watch_keys(self, active: Active, signals: Signals) -> None:
        """End requests whose key was revoked, expired or deleted by any process; `active` asks the key table."""
        with signals.subscribe(KEYS) as changed:
            while True:
                # Nobody sends word of a key that expires.
                await changed.wait(_LOOK_SECONDS)
                keys = {request.caller.key_id for request in self._open if request.caller is not None} - _FIXED_KEYS
                if keys:
                    await self._end_keyless(keys, active)

    async def _end_keyless(self, keys: AbstractSet[str], active: Active) -> None:
        try:
            ended = keys - await active(keys)
        except Exception:
            logger.exception("looking for ended keys failed")
            return
        if ended:
            error = Unauthenticated(say("identity.key_ended"))
            self._end(error, lambda request: request.caller is not None and request.caller.key_id in ended)

    def _end(self, error: RosterError, which: Callable[[OpenRequest], bool]) -> None:
        for request in [request for request in self._open if which(request)]:
            request.end(error)
