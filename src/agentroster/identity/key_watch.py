"""Records which keys are used and refused, in batches, while requests go on."""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.identity.key_audit import KeyEvent, record
from agentroster.identity.peer import peer_address
from agentroster.identity.schema import api_keys

logger = logging.getLogger(__name__)

MAX_GROUPS = 100
_FIRST_SECONDS = 1.0
_WINDOW_SECONDS = 60.0
_USE_SECONDS = 3600.0
_MAX_KEYS = 100_000
_OVERFLOW = ("", "", "various")


@dataclass(slots=True)
class _Refusals:
    """Refusals that are alike: how many since the last row, and when the next one is due."""

    due: float
    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class _Noted:
    uses: dict[str, KeyEvent] = field(default_factory=dict[str, KeyEvent])
    refusals: dict[tuple[str, str, str], _Refusals] = field(default_factory=dict[tuple[str, str, str], _Refusals])
    hours: dict[str, float] = field(default_factory=dict[str, float])


class KeyWatch:
    """Gathers uses and refusals, and writes them; belongs to one event loop.

    A killed process loses those of its last second, and of repeated refusals those of its last minute.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted = _Noted()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def used(self, caller: Caller) -> None:
        """Note the first use of a key in an hour."""
        now, hours = time.time(), self._noted.hours
        if now - hours.get(caller.key_id, 0.0) < _USE_SECONDS:
            return
        if len(hours) >= _MAX_KEYS:
            hours.clear()
        hours[caller.key_id] = now
        # A forwarder's key is used for many: who they are is not the key's story.
        user = caller.user or "" if caller.proof in {"own_key", "master_key"} else ""
        event = KeyEvent(action="use", at=now, key_id=caller.key_id, user=user, address=peer_address())
        self._noted.uses[caller.key_id] = event
        self._wake()

    def refused(self, key_id: str, outcome: str = "") -> None:
        """Note a refused key by its public part; without an outcome, the writer looks the reason up."""
        group = (peer_address(), key_id, outcome)
        now, groups = time.time(), self._noted.refusals
        if group not in groups and len(groups) >= MAX_GROUPS:
            group = _OVERFLOW
        refusals = groups.setdefault(group, _Refusals(due=now + _FIRST_SECONDS))
        refusals.count += 1
        refusals.last = now
        self._wake()

    async def aclose(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        """Write until nothing is left to write and nothing left to count."""
        pause = _FIRST_SECONDS
        while self._noted.uses or self._noted.refusals:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
            ends = self._closing.is_set()
            events = self._taken(time.time(), all_of_it=ends)
            try:
                if events:
                    await self._database.run(_write, events)
                pause = _FIRST_SECONDS
            except Exception:  # noqa: BLE001 - a full disk ends neither the record for good nor this process
                logger.warning("%d rows of the record of keys could not be written", len(events))
                pause = _WINDOW_SECONDS
                if not ends:
                    self._put_back(events)

    def _put_back(self, events: list[KeyEvent]) -> None:
        for event in events:
            if event.action == "use":
                self._noted.uses.setdefault(event.key_id, event)
            elif refusals := self._noted.refusals.get((event.address, event.key_id, event.outcome)):
                refusals.count += event.count

    def _taken(self, now: float, *, all_of_it: bool) -> list[KeyEvent]:
        events, self._noted.uses = list(self._noted.uses.values()), {}
        for group, refusals in list(self._noted.refusals.items()):
            if refusals.due > now and not all_of_it:
                continue
            if refusals.count == 0 or all_of_it:
                del self._noted.refusals[group]
            if refusals.count:
                address, key_id, outcome = group
                event = KeyEvent(action="refuse", at=refusals.last, key_id=key_id, address=address, outcome=outcome)
                events.append(replace(event, count=refusals.count))
                refusals.count, refusals.due = 0, now + _WINDOW_SECONDS
        return events


def _write(connection: Connection, events: list[KeyEvent]) -> None:
    record(connection, [_explained(connection, event) if event.action == "refuse" else event for event in events])


def _explained(connection: Connection, event: KeyEvent) -> KeyEvent:
    """Return a refusal with the reason and the user of the key; the caller is told neither."""
    if event.outcome:
        return event
    outcome, user = "not a key of this proxy", ""
    if event.key_id:
        row = connection.execute(select(api_keys).where(api_keys.c.id == event.key_id)).first()
        outcome = "no such key"
        if row is not None:
            user, outcome = row.user, "wrong secret"
            if row.revoked_at is not None:
                outcome = "revoked"
            elif row.expires_at is not None and row.expires_at <= event.at:
                outcome = "expired"
    return replace(event, user=user, outcome=outcome)
