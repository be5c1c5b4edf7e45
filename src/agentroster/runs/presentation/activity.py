"""Shows a client what an agent does: as status lines and cards, as thinking, or not at all.

A client asks for it with the header `X-Agent-Events`; without it, it gets what OpenAI would send and nothing else.
"""

import base64
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from agentroster.messages import say
from agentroster.runs.chat import (
    Folded,
    ModelAsked,
    Picture,
    RunEvent,
    Text,
    Thinking,
    ToolFinished,
    ToolPicture,
    ToolProgress,
    ToolStarted,
    ToolStatus,
)
from agentroster.runs.presentation.pace import Clock, Pace, SlowPace
from agentroster.runs.presentation.tool_card import tool_card

_MAX_NAMED = 3
# Whatever stands before the name: pages read entities, too.
_DETAILS = re.compile(r"<(?=\W{0,8}(?:details|summary)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Status:
    """A line about what is going on; `done` when it is not going on any more."""

    description: str
    done: bool


Shown: TypeAlias = Text | Thinking | Picture | Status

_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
_MAX_PICTURE = 100_000


class Activity:
    """Turns the events of one run into what the client is shown: text and thinking, as every OpenAI client knows.

    Long work says in the text how far it is, every ten seconds: whoever only reads text would take it for dead.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._pace = SlowPace(clock)
        self._end = ""

    def shown(self, event: RunEvent) -> Iterator[Shown]:
        """Yield what to show of one event."""
        match event:
            case ToolStarted():
                self._pace.begin()
            case ToolProgress():
                yield from self._line(counts(event))
            case ToolStatus():
                yield from self._line(event.line)
            case Folded(title, text):
                yield Text(self._apart(f"**{title}**\n\n{text}"))
                self._end = text
            case Text():
                yield event
                self._end = event.text
            case Thinking() | Picture():
                yield event
            case _:
                pass

    def ended(self) -> Iterator[Shown]:
        """Yield what to show at the end of the run."""
        yield from ()

    def _line(self, line: str) -> Iterator[Shown]:
        if self._pace.is_due():
            yield Text(self._apart(f"{line}\n\n"))
            self._end = "\n\n"

    def _apart(self, text: str) -> str:
        """Return a paragraph with a blank line before it, where there is none."""
        missing = 2 - (len(self._end) - len(self._end.rstrip("\n")))
        return "\n" * missing + text if self._end else text


class OnlyText(Activity):
    """For answers that a program reads, as it asked for: nothing of ours stands in them."""

    def _line(self, line: str) -> Iterator[Shown]:  # noqa: ARG002 - none is shown
        yield from ()


class AsThinking(Activity):
    """A line of thinking for each tool."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._counts = Pace(clock)

    def shown(self, event: RunEvent) -> Iterator[Shown]:
        """Yield a line when a tool begins, goes on or fails."""
        match event:
            case ToolStarted() | ToolStatus():
                yield Thinking(f"{event.line}\n")
            case ToolProgress():
                if self._counts.is_due(event):
                    yield Thinking(f"{counts(event)}\n")
            case ToolFinished(failed=True):
                yield Thinking(f"{say('runs.tool_failed', tool=event.tool)}\n")
            case _:
                yield from super().shown(event)


class StatusAndCards(Activity):
    """For Open WebUI: a status line while a tool works, a closed card when it is done, long lists closed."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._counts = Pace(clock)
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
                if self._counts.is_due(event):
                    yield self._status(counts(event))
            case ToolStatus():
                yield self._status(event.line)
            case ToolFinished():
                yield from self._finished(event)
            case ModelAsked():
                self._has_asked = True
                yield self._status(say("runs.asking_model"))
            case Text() | Folded() | Thinking() | Picture():
                if not self._running:
                    yield from self._status_done()
                yield folded(event) if isinstance(event, Folded) else event
            case ToolPicture():
                yield from picture(event)

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


def activity_for(wish: str, *, is_for_a_program: bool = False) -> Activity:
    """Return the way to show activity that a client asks for."""
    match wish.strip().lower():
        case "openwebui":
            return StatusAndCards()
        case "reasoning":
            return AsThinking()
        case _:
            return OnlyText() if is_for_a_program else Activity()


def counts(event: ToolProgress) -> str:
    """Return the line that says how far a tool is."""
    line, done, total = event.line, event.done, event.total
    if not event.needs:
        return say("runs.progress", line=line, done=done, total=total)
    return say("runs.progress_needs", line=line, done=done, total=total, count=event.needs)


def folded(part: Folded) -> Text:
    """Return a part of the answer as Open WebUI shows it closed: it lays out what is inside when somebody opens it.

    The text was made inert before. An opening or closing tag of its own would end this one.
    """
    title, text = (_DETAILS.sub("&lt;", written) for written in (" ".join(part.title.split()), part.text))
    return Text(f"\n\n<details>\n<summary>{title}</summary>\n\n{text.strip()}\n\n</details>\n")


def _used(names: Sequence[str]) -> str:
    if not names:
        return say("runs.stopped")
    named, more = ", ".join(names[:_MAX_NAMED]), len(names) - _MAX_NAMED
    return say("runs.used_and_more", names=named, count=more) if more > 0 else say("runs.used", names=named)


def picture(part: ToolPicture) -> Iterator[Text]:
    """Yield a picture as Open WebUI shows it: with its bytes in the text, so that no page calls a host for it."""
    if part.media_type in _PICTURES and len(part.data) <= _MAX_PICTURE:
        yield Text(f"\n\n![{part.alt}](data:{part.media_type};base64,{base64.b64encode(part.data).decode()})\n\n")
