"""Makes the text and the thinking of an answer inert on their way to a client."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace

from agentroster.runs.chat import Folded, RunEvent, Text, Thinking, ToolPicture, ToolProgress, ToolStarted, ToolStatus
from agentroster.runs.presentation.inert_markdown import InertMarkdown

_NO_WORD = re.compile(r"[^\w #.,-]+")
_MAX_ALT = 100


class InertAnswer:
    """Passes events on; text that waits comes before whatever else is shown."""

    def __init__(self, image_hosts: AbstractSet[str]) -> None:
        self._hosts = image_hosts
        self._text = InertMarkdown(image_hosts)
        self._thinking = InertMarkdown(image_hosts)

    def passed(self, event: RunEvent) -> Iterator[RunEvent]:
        """Yield the events that may be shown now."""
        match event:
            case Text(text):
                yield from _thought(self._thinking.interrupt())
                yield from _said(self._text.feed(text))
            case Thinking(text):
                yield from _said(self._text.interrupt())
                yield from _thought(self._thinking.feed(text))
            case _:
                yield from _thought(self._thinking.interrupt())
                yield from _said(self._text.interrupt())
                if isinstance(event, Folded):
                    event = Folded(self._made_inert(event.title), self._made_inert(event.text))
                if isinstance(event, ToolPicture):
                    event = replace(event, alt=_NO_WORD.sub(" ", event.alt)[:_MAX_ALT].strip())
                # A tool's line holds words of its arguments, and may be shown as thinking.
                has_line = isinstance(event, ToolStarted | ToolProgress | ToolStatus)
                yield replace(event, line=self._made_inert(event.line)) if has_line else event

    def _made_inert(self, line: str) -> str:
        markdown = InertMarkdown(self._hosts)
        return markdown.feed(line) + markdown.finish()

    def ended(self) -> Iterator[RunEvent]:
        """Yield the events that were held back."""
        yield from _thought(self._thinking.finish())
        yield from _said(self._text.finish())


class AsWritten:
    """For answers that a program reads, as it asked for: nothing is changed."""

    def passed(self, event: RunEvent) -> Iterator[RunEvent]:
        """Yield the event."""
        yield event

    def ended(self) -> Iterator[RunEvent]:
        """Yield nothing."""
        yield from ()


def _said(text: str) -> Iterator[RunEvent]:
    if text:
        yield Text(text)


def _thought(text: str) -> Iterator[RunEvent]:
    if text:
        yield Thinking(text)
