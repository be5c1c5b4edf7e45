"""Limits concurrency: of the requests to one host, of the questions to one model server."""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Gate:
    semaphore: asyncio.Semaphore
    users: int = 0


class ConcurrencyLimiter:
    """Hands out a number of slots for each key, in the order of asking; belongs to one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._gates: dict[Hashable, _Gate] = {}

    @asynccontextmanager
    async def taken(self, key: Hashable) -> AsyncGenerator[None]:
        """Wait for a slot, and hold it for the length of the block."""
        gate = self._gates.setdefault(key, _Gate(asyncio.Semaphore(self._most)))
        gate.users += 1
        try:
            async with gate.semaphore:
                yield
        finally:
            gate.users -= 1
            # Keys are addresses that people give: none is remembered for longer than it is used.
            if not gate.users:
                del self._gates[key]
