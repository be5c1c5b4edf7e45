"""The sentences that people read, by id: English for now, another language is another folder beside `en`."""

from agentroster.messages.catalogue import say

__all__ = ["say"]
