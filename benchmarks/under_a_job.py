"""What chats feel of a job that completes a library meanwhile."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import httpx

from benchmarks.cases import measure_first_piece, progress
from benchmarks.load import WrongAnswer

MODELS = 10_000
_PROBE_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderAJob:
    """Milliseconds: of `/health/liveliness`, and to the first pieces of passthrough and agent."""

    liveliness_median_ms: float
    liveliness_slowest_ms: float
    passthrough_ms: float
    agent_ms: float


async def measure_under_a_job(client: httpx.AsyncClient, requests: int) -> UnderAJob:
    """Start a job over the whole library and ask while it runs. Raises WrongAnswer when it ended too early."""
    progress(f"under a job of {MODELS} models")
    started = await client.post("/roster/api/skills/enrich-hf-metadata/execute", json={"targets": ["everything"]})
    path = started.raise_for_status().headers["location"]
    while (await client.get(path)).json()["done"] < MODELS // 100:  # noqa: ASYNC110 - another process works on it
        await asyncio.sleep(0.1)
    async with _probing(client) as seconds:
        first = await measure_first_piece(client, requests, 1)
    job = (await client.get(path)).json()
    if job["state"] != "running":
        raise WrongAnswer(f"the job ended before it was measured: {job}")
    await client.post(f"{path}/cancel")
    return UnderAJob(
        liveliness_median_ms=median(seconds) * 1000,
        liveliness_slowest_ms=max(seconds) * 1000,
        passthrough_ms=first["passthrough"],
        agent_ms=first["agent"],
    )


@asynccontextmanager
async def _probing(client: httpx.AsyncClient) -> AsyncGenerator[list[float]]:
    """Ask for the sign of life again and again; the list holds the seconds of each answer."""
    seconds: list[float] = []

    async def probe() -> None:
        while True:
            begin = time.perf_counter()
            (await client.get("/health/liveliness")).raise_for_status()
            seconds.append(time.perf_counter() - begin)
            await asyncio.sleep(_PROBE_SECONDS)

    task = asyncio.create_task(probe())
    try:
        yield seconds
    finally:
        task.cancel()
        await asyncio.wait([task])
