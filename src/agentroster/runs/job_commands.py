"""The command `/jobs`, in every agent: shows a person what of theirs runs, in chats and as jobs, and ends it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

from agentroster.errors import RosterError
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.runs.chat import ChatRequest
from agentroster.runs.open_runs import OpenRun, OpenRuns
from agentroster.skills.escape_markdown import escape_markdown

USAGE = "/jobs [stop ID]"
NAME = "jobs"
_MAX_JOBS = 50
_LEAST_ID, _MAX_ID, _MINUTE = 4, 60, 60
_RUNS = frozenset({"queued", "running"})


class JobCounts(Protocol):
    """How far a job is."""

    @property
    def total(self) -> int: ...  # noqa: D102
    @property
    def done(self) -> int: ...  # noqa: D102


class Job(Protocol):
    """A job as far as a person is told of it."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def skill(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def counts(self) -> JobCounts: ...  # noqa: D102


class PersonsJobs(Protocol):
    """The jobs of a person, which whoever runs them hands in."""

    async def of_caller(self, caller: Caller, most: int) -> Sequence[Job]:
        """Return this caller's jobs, newest first."""
        ...

    async def cancel(self, caller: Caller, job_id: str) -> Any:
        """Stop a job. Raises NotFound, and StateConflict for an ended one."""
        ...


class JobCommands:
    """Answers without a model; a failure is its sentence."""

    def __init__(self, runs: OpenRuns, jobs: PersonsJobs | None) -> None:
        self._runs = runs
        self._jobs = jobs

    async def answer(self, request: ChatRequest, own: OpenRun) -> str | None:
        """Return the answer when the message is this command, else None; `own` is the answer that is being made."""
        words = request.question.split()
        if not words or words[0].lower() != f"/{NAME}":
            return None
        try:
            answer = await self._answer(request.caller, own, words[1:])
        except RosterError as error:
            answer = error.message
        return f"{answer}\n"

    async def _answer(self, caller: Caller, own: OpenRun, words: Sequence[str]) -> str:
        if not caller.is_person:
            return say("runs.jobs_of_nobody")
        if caller.is_overheard:
            return say("runs.jobs_elsewhere")
        match words:
            case []:
                return await self._listed(caller, own)
            case [stop, wanted] if stop.lower() == "stop":
                return await self._stopped(caller, own, wanted.strip("`").lower())
            case _:
                return say("runs.usage", usage=USAGE)

    async def _listed(self, caller: Caller, own: OpenRun) -> str:
        rows = [_run_row(run) for run in self._others(caller, own)]
        rows += [_job_row(job) for job in await self._open_jobs(caller)]
        if not rows:
            return say("runs.jobs_none")
        return "".join(f"- {row}\n" for row in rows) + f"\n{say('runs.jobs_how')}"

    async def _stopped(self, caller: Caller, own: OpenRun, wanted: str) -> str:
        runs = {run.id: run for run in self._others(caller, own)}
        jobs = {job.id: job for job in await self._open_jobs(caller)}
        found = [name for name in (*runs, *jobs) if name == wanted]
        if not found and len(wanted) >= _LEAST_ID:
            found = [name for name in (*runs, *jobs) if name.lower().startswith(wanted)]
        if len(found) != 1:
            return say("runs.jobs_unknown", id=escape_markdown(wanted[:_MAX_ID]))
        name = found[0]
        if name in runs:
            run = runs[name]
            run.stop()
            await asyncio.wait([run.task], timeout=1)
        elif self._jobs is not None:
            await self._jobs.cancel(caller, name)
        return say("runs.jobs_stopped", id=name)

    def _others(self, caller: Caller, own: OpenRun) -> list[OpenRun]:
        return [run for run in self._runs.of_caller(caller) if run is not own]

    async def _open_jobs(self, caller: Caller) -> list[Job]:
        if self._jobs is None:
            return []
        return [job for job in await self._jobs.of_caller(caller, _MAX_JOBS) if job.state in _RUNS]


def _run_row(run: OpenRun) -> str:
    minutes = int(time.monotonic() - run.began_at) // _MINUTE
    line = escape_markdown(" ".join(run.line.split())) or say("runs.jobs_answers")
    return say("runs.jobs_chat", id=run.id, title=run.title, line=line, count=minutes)


def _job_row(job: Job) -> str:
    if job.state == "queued":
        return say("runs.jobs_queued", id=job.id, skill=job.skill)
    return say("runs.jobs_running", id=job.id, skill=job.skill, done=job.counts.done, total=job.counts.total)
