"""A server of the benchmarks in a process of its own: it writes its port, and ends with its standard input."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Connection: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve(connection: Connection) -> None:
    """Serve connections on a free port of the loopback address."""
    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await asyncio.to_thread(sys.stdin.read)
