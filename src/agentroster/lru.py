"""A dictionary with a maximum size: what is remembered of servers, keys and addresses must not fill the memory."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruDict(OrderedDict[K, V]):
    """Holds at most `max_items`; the one that was set longest ago goes first."""

    def __init__(self, max_items: int) -> None:
        super().__init__()
        self._max_items = max_items

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._max_items:
            self.popitem(last=False)
