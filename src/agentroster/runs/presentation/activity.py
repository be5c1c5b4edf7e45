"""Shows a client what an agent does: as status lines and cards, as thinking, or not at all.

A client asks for it with the header `X-Agent-Events`; without it, it gets what OpenAI would send and nothing else.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from agentroster.messages import say
from agentroster.runs.chat import (
    ModelAsked,
    Picture,
    RunEvent,
    Text,
    Thinking,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    ToolStatus,
)
from agentroster.runs.presentation.tool_card import tool_card

_MAX_NAMED = 3
_MAX_SECONDS = 10.0
_LEAST_PART = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """A line about what is going on; `done` when it is not going on any more."""

    description: str
    done: bool


Shown: TypeAlias = Text | Thinking | Picture | Status


class Activity:
    """Turns the events of one run into what the client is shown: text and thinking, as every OpenAI client knows."""

    def shown(self, event: RunEvent) -> Iterator[Shown]:
        """Yield what to show of one event."""
        if isinstance(event, Text | Thinking | Picture):
            yield event

    def ended(self) -> Iterator[Shown]:
        """Yield what to show at the end of the run."""
        yield from ()


class AsThinking(Activity):
    """A line of thinking for each tool."""

    def shown(self, event: RunEvent) -> Iterator[Shown]:
        """Yield a line when a tool begins or fails."""
        match event:
            case ToolStarted():
                yield Thinking(f"{event.line}\n")
            case ToolStatus():
                yield Thinking(f"{event.line}\n")
            case ToolFinished(failed=True):
                yield Thinking(f"{say('runs.tool_failed', tool=event.tool)}\n")
            case _:
                yield from super().shown(event)


class StatusAndCards(Activity):
    """For Open WebUI: a status line while a tool works, a closed card when it is done."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = _Pace(clock)
        self._running: set[str] = set()
        self._cards: list[str] = []
        self._names: list[str] = []
        self._status_open = False
        self._has_asked = False

    def shown(self, event: RunEvent) -> Iterator[Shown]:
        """Yield text, status lines and cards; a card waits until no tool works, so that it splits nobody's table."""
        match event:
            case ToolStarted():
                self._running.add(event.call_id)
                yield self._status(event.line)
            case ToolProgress():
                if self._pace.is_due(event):
                    yield self._status(say("runs.progress", line=event.line, done=event.done, total=event.total))
            case ToolStatus():
                yield self._status(event.line)
            case ToolFinished():
                yield from self._finished(event)
            case ModelAsked():
                self._has_asked = True
                yield self._status(say("runs.asking_model"))
            case Text() | Thinking() | Picture():
                if not self._running:
                    yield from self._status_done()
                yield event

    def _finished(self, event: ToolFinished) -> Iterator[Shown]:
        self._running.discard(event.call_id)
        name = event.tool.replace("_", " ")
        self._names.append(say("runs.tool_name_failed", tool=name) if event.failed else name)
        self._cards.append(tool_card(event))
        if not self._running:
            yield from self._cards_done()

    def ended(self) -> Iterator[Shown]:
        """Yield what is still open."""
        yield from self._cards_done()
        # A model that was asked and has not answered did nothing that could be told.
        self._has_asked = False
        yield from self._status_done()

    def _status(self, line: str) -> Status:
        self._status_open = True
        return Status(line, done=False)

    def _cards_done(self) -> Iterator[Shown]:
        if self._cards:
            yield Text("".join(self._cards))
            self._cards.clear()

    def _status_done(self) -> Iterator[Shown]:
        if not self._status_open:
            return
        names = list(dict.fromkeys(self._names))
        yield Status(say("runs.model_answers") if self._has_asked and not names else _used(names), done=True)
        self._status_open = self._has_asked = False
        self._names.clear()


def activity_for(wish: str) -> Activity:
    """Return the way to show activity that a client asks for."""
    match wish.strip().lower():
        case "openwebui":
            return StatusAndCards()
        case "reasoning":
            return AsThinking()
        case _:
            return Activity()


def _used(names: Sequence[str]) -> str:
    if not names:
        return say("runs.stopped")
    named, more = ", ".join(names[:_MAX_NAMED]), len(names) - _MAX_NAMED
    return say("runs.used_and_more", names=named, count=more) if more > 0 else say("runs.used", names=named)


class _Pace:
    """Shows counts about twenty times for each tool, and at least every ten seconds: each is a line that stays."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def is_due(self, event: ToolProgress) -> bool:
        """Whether to show these counts."""
        now = self._clock()
        when, done = self._last.get(event.call_id, (now - _MAX_SECONDS, 0))
        waited, grown = now - when, event.done - done
        if waited < _MAX_SECONDS and grown < event.total * _LEAST_PART and event.done < event.total:
            return False
        self._last[event.call_id] = (now, event.done)
        return True
