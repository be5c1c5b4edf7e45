"""Caches the cards of one run: a repository with a hundred files is fetched once; long unused ones are dropped."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card, parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import Hub, HubRef, RepositoryFacts
from agentroster.errors import NotFound, RosterError
from agentroster.messages import say
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
    """A card and what the hub adds to it; `folder` is the one of the repository that it is about, if it is only one."""

    card: Card
    facts: RepositoryFacts
    folder: str = ""
    is_missing: bool = False


class CardCache:
    """Keeps the cards of the latest repositories, and the errors of those that have none."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._fetching = ConcurrencyLimiter(1)
        self._known: OrderedDict[tuple[str, str, str], CachedCard | RosterError] = OrderedDict()

    async def get(self, ref: HubRef, file: str = "") -> CachedCard:
        """Return card and facts of a repository, or of the folder of a file that has a card of its own.

        Raises what the hub raised, again for each who asks.
        """
        found = await self._once((ref.repo, ref.revision, ""), lambda: self._of_repository(ref))
        folder = found.facts.folder_of(ref.file or file)
        if folder:
            facts = found.facts.within(folder)
            return await self._once((ref.repo, ref.revision, folder), lambda: self._of_folder(ref, folder, facts))
        if found.is_missing:
            raise NotFound(say("enrich.no_card", repo=ref.repo))
        return found

    async def _once(
        self, key: tuple[str, str, str], fetch: Callable[[], Coroutine[None, None, CachedCard]]
    ) -> CachedCard:
        async with self._fetching.taken(key):
            found = self._known.get(key) or await _fetched(fetch)
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > _MAX_CARDS:
                self._known.popitem(last=False)
        if isinstance(found, RosterError):
            raise found
        return found

    async def _of_repository(self, ref: HubRef) -> CachedCard:
        text, facts = await self._hub.repository(ref)
        return CachedCard(await in_reader(parse_card, text or ""), facts, is_missing=text is None)

    async def _of_folder(self, ref: HubRef, folder: str, facts: RepositoryFacts) -> CachedCard:
        return CachedCard(await in_reader(parse_card, await self._hub.folder_card(ref, folder)), facts, folder)


async def _fetched(fetch: Callable[[], Coroutine[None, None, CachedCard]]) -> CachedCard | RosterError:
    try:
        return await fetch()
    except RosterError as error:
        return error
