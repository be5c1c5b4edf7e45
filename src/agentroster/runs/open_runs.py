"""Knows the answers that are being made in this process, whose they are, and ends one when its person says so."""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast
from uuid import uuid4

from agentroster.identity.caller import Caller
from agentroster.llm.backend import AGENT_PREFIX
from agentroster.runs.chat import RunEvent, ToolProgress, ToolStarted, ToolStatus
from agentroster.runs.presentation.activity import counts


@dataclass(eq=False, slots=True)
class OpenRun:
    """One answer; `line` says what it does. `began_at` is in seconds of a monotonic clock."""

    caller: Caller
    agent: str
    title: str
    task: asyncio.Task[object]
    id: str = field(default_factory=lambda: uuid4().hex[:8])
    began_at: float = field(default_factory=time.monotonic)
    line: str = ""
    is_stopped: bool = False

    def note(self, event: RunEvent) -> None:
        """Keep what a status line would say."""
        if isinstance(event, ToolStarted | ToolStatus):
            self.line = event.line
        elif isinstance(event, ToolProgress):
            self.line = counts(event)

    def stop(self) -> None:
        """End the run: it says so, and what it has done stays done."""
        # A second cancellation would interrupt the cleanup that the first one began.
        if not self.is_stopped and not self.task.cancelling():
            self.is_stopped = True
            self.task.cancel()


class OpenRuns:
    """Belongs to one event loop; nothing of it survives the process, and neither do the answers."""

    def __init__(self) -> None:
        self._runs: dict[str, OpenRun] = {}

    @contextmanager
    def entered(self, caller: Caller, agent: str, title: str) -> Generator[OpenRun]:
        """Yield the entry of the answer that the present task makes."""
        task = cast("asyncio.Task[object]", asyncio.current_task())
        run = OpenRun(caller, agent, title, task)
        self._runs[run.id] = run
        try:
            yield run
        finally:
            del self._runs[run.id]

    def of_caller(self, caller: Caller) -> list[OpenRun]:
        """Return the answers for this person that the key permits, oldest first; none for somebody who is nobody."""
        if not caller.is_person:
            return []
        return [
            run
            for run in self._runs.values()
            if run.caller.is_person
            and run.caller.qualified_user == caller.qualified_user
            and caller.may(f"{AGENT_PREFIX}{run.agent}")
        ]
