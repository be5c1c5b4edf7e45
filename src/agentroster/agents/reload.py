"""Reloads agents when the file was saved, SIGHUP came, or another process signalled a change."""

import asyncio
import logging
from collections.abc import Callable

from agentroster.agents.registry import AgentRegistry
from agentroster.errors import RosterError
from agentroster.signals.signals import Signals
from agentroster.signals.topics import AGENTS

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class Reloader:
    """Reloads in the background, one per process. A file that cannot be used changes nothing, and is logged."""

    def __init__(self, agents: AgentRegistry, signals: Signals, reloaded: Callable[[], None]) -> None:
        """`reloaded` is called after each reload that counts."""
        self._agents = agents
        self._signals = signals
        self._reloaded = reloaded
        self._hung_up = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._look())

    def hang_up(self) -> None:
        """Reload soon, here and in every other process, also where nothing seems to have changed: SIGHUP came."""
        self._hung_up = True
        self._signals.publish(AGENTS)

    async def aclose(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look(self) -> None:
        with self._signals.subscribe(AGENTS) as word:
            while True:
                is_asked = await word.wait(_LOOK_SECONDS)
                hung_up, self._hung_up = self._hung_up, False
                try:
                    if is_asked or await asyncio.to_thread(self._agents.is_stale):
                        await self._reload("SIGHUP" if hung_up else "agents changed", is_quiet=not hung_up)
                except Exception:
                    logger.exception("the agents cannot be reloaded")

    async def _reload(self, why: str, *, is_quiet: bool) -> None:
        problems = self._agents.now.problems
        try:
            change = await asyncio.to_thread(self._agents.reload)
        except RosterError as error:
            logger.warning("%s, and every agent stays as it was: %s", why, error.message)
            return
        self._reloaded()
        if is_quiet and change.is_nothing and problems == self._agents.now.problems:
            return
        told = "; ".join(map(str, (one for one in self._agents.now.problems if one.line)))
        logger.log(logging.WARNING if told else logging.INFO, "%s: %s%s", why, change, f" ({told})" if told else "")
