"""Records each use of a credential: how it began and ended, written a few at a time."""

import time
from collections.abc import Sequence

from agentroster.credentials.audit import Act, AuditEntry
from agentroster.credentials.credential import Owner
from agentroster.credentials.store import CredentialStore
from agentroster.db.write_behind import WriteBehind


class UseRecord:
    """Gathers uses and writes them in groups; a use whose end is missing shows as `started`."""

    def __init__(self, store: CredentialStore) -> None:
        self._store = store
        self._notes = WriteBehind("uses of accounts", self._write)

    def note(self, owner: Owner, act: Act) -> None:
        """Record one act, which is written within moments."""
        self._notes.add(AuditEntry(at=time.time(), owner=owner, act=act))

    async def aclose(self) -> None:
        """Write what is left."""
        await self._notes.aclose()

    async def _write(self, entries: Sequence[AuditEntry]) -> None:
        await self._store.in_thread(self._store.audit.write_all, entries)
