"""Limits concurrency: of the requests to one host, of the questions to one model server."""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentroster.net.shared_slots import SharedSlots

_LOOK_SECONDS = 0.02


@dataclass(slots=True)
class _Gate:
    semaphore: asyncio.Semaphore
    users: int = 0


class ConcurrencyLimiter:
    """Hands out a number of slots for each key, in the order of asking; belongs to one event loop.

    With `shared` slots the processes that share them have so many together.
    """

    def __init__(self, most: int, shared: SharedSlots | None = None, name: str = "") -> None:
        """`name` tells apart limiters that share a file."""
        self._most = most
        self._shared = shared
        self._name = name
        self._gates: dict[Hashable, _Gate] = {}

    @asynccontextmanager
    async def taken(self, key: Hashable) -> AsyncGenerator[None]:
        """Wait for a slot, and hold it for the length of the block."""
        gate = self._gates.setdefault(key, _Gate(asyncio.Semaphore(self._most)))
        gate.users += 1
        try:
            async with gate.semaphore:
                slot = await self._share(key)
                try:
                    yield
                finally:
                    if self._shared is not None and slot is not None:
                        self._shared.give_back(slot)
        finally:
            gate.users -= 1
            # Keys are addresses that people give: none is remembered for longer than it is used.
            if not gate.users:
                del self._gates[key]

    async def _share(self, key: Hashable) -> int | None:
        """Wait until no other process has the slot; there is no word of that, only looking."""
        if self._shared is None:
            return None
        while (slot := self._shared.take((self._name, key), self._most)) is None:  # noqa: ASYNC110 - as it says
            await asyncio.sleep(_LOOK_SECONDS)
        return slot
