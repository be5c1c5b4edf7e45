"""Makes the first request of a process itself, before anybody else's: LiteLLM is slow once.

LiteLLM imports and builds much of itself when it is first asked something.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx
import litellm
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER  # pyright: ignore[reportMissingTypeStubs]
from starlette.types import ASGIApp

_TIMEOUT_SECONDS = 60
_CALLBACK_LISTS = (
    "callbacks", "input_callback", "success_callback", "failure_callback", "service_callback",
    "_async_input_callback", "_async_success_callback", "_async_failure_callback",
)  # fmt: skip
_OURS = ("agentroster.", "litellm.proxy.", "litellm.router")


async def warm_up(app: ASGIApp, master_key: str, agents: Sequence[str]) -> None:
    """Ask LiteLLM's app once, before the port answers; callbacks of the operator's see nothing of it.

    Raises httpx.HTTPStatusError when the request fails.
    """
    headers = {"authorization": f"Bearer {master_key}"}
    with _without_callbacks():
        transport = httpx.ASGITransport(cast("Any", app))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://warm-up", headers=headers, timeout=_TIMEOUT_SECONDS
        ) as client:
            for agent in agents[:1]:
                # `no-log` also holds for what LiteLLM records after the answer.
                body = {"model": agent, "messages": [{"role": "user", "content": "/help"}], "no-log": True}
                (await client.post("/v1/chat/completions", json=body)).raise_for_status()
        await GLOBAL_LOGGING_WORKER.flush()


@contextmanager
def _without_callbacks() -> Generator[None]:
    """Remove the operator's callbacks from LiteLLM's lists until the block ends."""
    lists = [cast("list[object]", getattr(litellm, name)) for name in _CALLBACK_LISTS]
    before = [list(entries) for entries in lists]
    for entries in lists:
        entries[:] = [entry for entry in entries if _is_internal(entry)]
    try:
        yield
    finally:
        for entries, old in zip(lists, before, strict=True):
            entries[:] = [*old, *(entry for entry in entries if entry not in old)]


def _is_internal(entry: object) -> bool:
    owner = getattr(entry, "__self__", entry)
    return not isinstance(entry, str) and f"{type(owner).__module__}.".startswith(_OURS)
