"""How much a proxy grows when a thousand different people have used it."""

from dataclasses import dataclass

import httpx

from benchmarks.cases import progress, question
from benchmarks.load import Question, ask_many
from benchmarks.process_cost import resident_mb
from benchmarks.processes import Proxy

USERS = 1000
_CLIENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident megabytes before and after."""

    before_mb: float
    after_mb: float

    @property
    def growth_mb(self) -> float:
        """What the users left behind."""
        return self.after_mb - self.before_mb


async def measure_memory(client: httpx.AsyncClient, proxy: Proxy, warm_up: int) -> Memory:
    """Let one person ask often, so that all pools are full, and then many people once each."""
    progress(f"memory: {USERS} users")

    def asked(user: str) -> Question:
        headers = {"authorization": f"Bearer {proxy.openwebui_key}", "x-openwebui-user-id": user}
        return question("agent", "whole", {**headers, "x-openwebui-chat-id": f"chat-of-{user}"})

    await ask_many(client, lambda _: asked("u-warm"), requests=warm_up, clients=_CLIENTS)
    before = resident_mb(proxy.pid)
    await ask_many(client, lambda number: asked(f"u-{number}"), requests=USERS, clients=_CLIENTS)
    return Memory(before_mb=before, after_mb=resident_mb(proxy.pid))
