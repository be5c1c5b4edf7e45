"""Limits how many large request bodies are read at the same time, by person and by address."""

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager

from agentroster.errors import TooManyRequests
from agentroster.messages import say

_PEOPLE_AT_ONE_ADDRESS = 8


class LargeBodies:
    """Counts the large bodies that are being read; belongs to one event loop."""

    def __init__(self, per_person: int) -> None:
        self._per_person = per_person
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def reading(self, person: Hashable, address: str) -> Generator[None]:
        """Count one more for a person and an address. Raises TooManyRequests when either is at its limit."""
        names = (("person", person), ("address", address))
        limits = (self._per_person, self._per_person * _PEOPLE_AT_ONE_ADDRESS)
        if any(self._taken[name] >= limit for name, limit in zip(names, limits, strict=True)):
            raise TooManyRequests(say("gateway.too_many_large"))
        self._taken.update(names)
        try:
            yield
        finally:
            for name in names:
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]
