"""The record of uses: how each began and ended, written a few at a time."""

import asyncio
import time

from agentroster.credentials.audit import Act, AuditEntry
from agentroster.credentials.credential import Owner
from agentroster.credentials.store import CredentialStore

_GATHER_SECONDS = 0.05


class UseRecord:
    """Gathers for a moment: a transaction for each entry would cost more than the use itself.

    A process that is killed loses the entries of its last 50 milliseconds; a use whose end is missing shows as
    `started`.
    """

    def __init__(self, store: CredentialStore) -> None:
        self._store = store
        self._waiting: list[AuditEntry] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, owner: Owner, act: Act) -> None:
        """Write this soon."""
        self._waiting.append(AuditEntry(at=time.time(), owner=owner, act=act))
        if self._task is None:
            self._task = asyncio.create_task(self._write_soon())

    async def aclose(self) -> None:
        """Write what is left."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _write_soon(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        self._task = None
        entries, self._waiting = self._waiting, []
        await self._store.in_thread(self._store.audit.write_all, entries)
