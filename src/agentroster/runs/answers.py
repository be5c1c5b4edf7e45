"""Gives the answer of a run as its client is shown it, whole or as a stream: the same for every door."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from agentroster.agents.image_hosts import ImageHosts
from agentroster.errors import RosterError
from agentroster.runs.chat import ChatRequest, RunEvent, RunResult
from agentroster.runs.presentation.activity import Activity, Shown, activity_for
from agentroster.runs.presentation.inert_answer import AsWritten, InertAnswer
from agentroster.runs.run_task import OnDisconnect
from agentroster.runs.runner import Runner
from agentroster.runs.stream import Backlog, Finished, stream_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """Runs requests and shows their events; `wish` says how a client asks to see tools (`X-Agent-Events`)."""

    runner: Runner
    image_hosts: ImageHosts

    async def whole(self, request: ChatRequest, wish: str) -> tuple[list[Shown], RunResult]:
        """Return all that is shown of a run, and how it ended. Raises as `Runner.run`."""
        events: list[RunEvent] = []
        result = await self.runner.run(request, events.append)
        view = self._view(request, wish)
        return [*(shown for event in events for shown in view.shown(event)), *view.ended()], result

    async def stream(
        self, request: ChatRequest, wish: str, on_disconnect: OnDisconnect
    ) -> AsyncGenerator[Shown | Finished]:
        """Yield what is shown of a run as it happens, last how it ended. Raises as `Runner.run`.

        Closing it cancels the run. What is held back is yielded before a failure too: it is part of the answer, and
        an open status line would go on for ever.
        """
        backlog = Backlog()
        request = replace(request, ready=backlog.ready)
        view = self._view(request, wish)
        run = stream_run(lambda emit: self.runner.run(request, emit), backlog, on_disconnect)
        try:
            async with aclosing(run) as events:
                async for event in events:
                    for shown in view.ended() if isinstance(event, Finished) else view.shown(event):
                        yield shown
                    if isinstance(event, Finished):
                        yield event
        except Exception:
            for shown in view.ended():
                yield shown
            raise

    def _view(self, request: ChatRequest, wish: str) -> "_View":
        is_object = request.wants_object
        inert = AsWritten() if is_object else InertAnswer(self.image_hosts.of(request.agent))
        return _View(inert, activity_for(wish, is_for_a_program=is_object))


class _View:
    """Makes events inert, and shows them as the client wants."""

    def __init__(self, inert: InertAnswer | AsWritten, activity: Activity) -> None:
        self._inert = inert
        self._activity = activity

    def shown(self, event: RunEvent) -> list[Shown]:
        return [shown for passed in self._inert.passed(event) for shown in self._activity.shown(passed)]

    def ended(self) -> list[Shown]:
        return [
            *(shown for passed in self._inert.ended() for shown in self._activity.shown(passed)),
            *self._activity.ended(),
        ]


def log_failure(agent: str, error: Exception) -> None:
    """Write a line about a run that failed; only what nobody foresaw has a traceback."""
    if isinstance(error, RosterError):
        logger.info("agno/%s: %d %s: %s", agent, error.status, error.code, error.message)
    else:
        logger.error("agno/%s failed", agent, exc_info=error)
