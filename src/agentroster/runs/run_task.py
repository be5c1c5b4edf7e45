"""Runs something in a task of its own that ends with its block, or when its client goes away."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

OnDisconnect: TypeAlias = Callable[[Callable[[], object]], None]
"""Takes what is to be called once the client is gone."""

_T = TypeVar("_T")
_ending: set[asyncio.Task[Any]] = set()
"""Tasks that are cleaning up; the event loop itself keeps only weak references."""


@asynccontextmanager
async def running(work: Coroutine[Any, Any, _T], on_disconnect: OnDisconnect) -> AsyncGenerator[asyncio.Task[_T]]:
    """Give the task of `work`; at the end of the block it is cancelled, once, and its cleanup waited for."""
    task = asyncio.create_task(work)
    on_disconnect(lambda: _cancel_once(task))
    try:
        yield task
    finally:
        _cancel_once(task)
        _ending.add(task)
        task.add_done_callback(_ended)
        # Not `await task`: whoever cancels us again would cancel its cleanup, and leave the connection open.
        await asyncio.wait([task])


def _cancel_once(task: asyncio.Task[Any]) -> None:
    # A second cancellation would interrupt the cleanup that the first one began.
    if not task.done() and not task.cancelling():
        task.cancel()


def _ended(task: asyncio.Task[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        task.exception()
