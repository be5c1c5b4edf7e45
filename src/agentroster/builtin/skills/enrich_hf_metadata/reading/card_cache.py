"""Caches the cards of one run: a repository with a hundred files is fetched once; long unused ones are dropped."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card, parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import Hub, HubRef, RepositoryFacts
from agentroster.errors import RosterError
from agentroster.net.concurrency_limiter import ConcurrencyLimiter

# A card can have two megabytes, and a run ten thousand cards.
_MAX_CARDS = 50
# Reading is pure Python: several at once would read nothing faster, and the event loop would wait for each in turn.
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="roster-cards")

P = ParamSpec("P")
T = TypeVar("T")


async def in_reader(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that reads cards, in the one thread for that."""
    return await asyncio.get_running_loop().run_in_executor(_reader, lambda: work(*args, **kwargs))


@dataclass(frozen=True, slots=True)
class CachedCard:
    """A card and what the hub adds to it."""

    card: Card
    facts: RepositoryFacts


class CardCache:
    """Keeps the cards of the latest repositories, and the errors of those that have none."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._fetching = ConcurrencyLimiter(1)
        self._known: OrderedDict[tuple[str, str], CachedCard | RosterError] = OrderedDict()

    async def get(self, ref: HubRef) -> CachedCard:
        """Return card and facts of a repository. Raises what the hub raised, again for each who asks."""
        key = (ref.repo, ref.revision)
        async with self._fetching.taken(key):
            found = self._known.get(key) or await self._fetched(ref)
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > _MAX_CARDS:
                self._known.popitem(last=False)
        if isinstance(found, RosterError):
            raise found
        return found

    async def _fetched(self, ref: HubRef) -> CachedCard | RosterError:
        try:
            text = await self._hub.card(ref)
            return CachedCard(await in_reader(parse_card, text), await self._hub.facts(ref))
        except RosterError as error:
            return error
