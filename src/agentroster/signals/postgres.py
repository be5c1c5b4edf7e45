"""Hears signals on PostgreSQL: one connection that LISTENs, made again whenever it is lost."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import make_url

from agentroster.signals.send import CHANNEL

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.25, 2.0
# A server that went away without a word is noticed; an address may say otherwise.
_OPTIONS = {"connect_timeout": 5, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}


class PostgresListener:
    """Hears one database; what this process itself sends is left out."""

    def __init__(self, address: str, own_name: str) -> None:
        self._address = address
        self._own_name = own_name

    async def listen(self, heard: Callable[[str], None], may_have_missed: Callable[[], None]) -> None:
        """Call `heard(topic)` until cancelled, and the other each time it begins to listen."""
        pause, has_told = _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                async with await self._connected() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    may_have_missed()
                    if has_told:
                        logger.info("changes made by other processes are heard of again")
                    pause, has_told = _FIRST_PAUSE_SECONDS, False
                    async for notice in connection.notifies():
                        sender, _, topic = notice.payload.partition(" ")
                        if sender != self._own_name:
                            heard(topic)
            except (psycopg.Error, OSError) as error:
                if not has_told:
                    has_told = True
                    told = " ".join(str(error).split())[:200]
                    logger.warning("changes made by other processes count later, until the database is back: %s", told)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    def hurry(self, *, is_urgent: bool) -> None:
        """Do nothing: the server tells at once."""

    async def _connected(self) -> "psycopg.AsyncConnection[Any]":
        # As SQLAlchemy reads the address for the other connections.
        url = make_url(f"postgresql+psycopg://{self._address.partition('://')[2]}")
        options: dict[str, Any] = {**_OPTIONS, **url.get_dialect()().create_connect_args(url)[1]}
        return await psycopg.AsyncConnection.connect(**options, autocommit=True)
