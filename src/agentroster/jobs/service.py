"""Jobs for the API: begun after every check, followed, cancelled."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from agentroster.errors import InputInvalid, ModelMissing, NotFound, StateConflict, StorageFailed
from agentroster.identity.caller import Caller
from agentroster.jobs.job import ENDED, Job, JobEvent
from agentroster.jobs.store import JobStore
from agentroster.library.sidecar import Proposals
from agentroster.llm.backend import ModelChoice
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.signals.signals import Signals
from agentroster.signals.topics import STOPPED_JOBS, WAITING_JOBS, job_topic
from agentroster.skills.access import SkillAccess
from agentroster.skills.context import tell_nobody
from agentroster.skills.earlier_keys import with_declared_targets
from agentroster.skills.manifest import canonical_name
from agentroster.skills.pipeline import Watch, run_pipeline
from agentroster.skills.registry import Skill

FindOwnModel: TypeAlias = Callable[[Caller], Awaitable[ModelChoice | None]]
"""Returns the language model for a caller's job, or None."""


class SkillRights(Protocol):
    """Says which skills a caller's key permits."""

    def may_run(self, caller: Caller, skill: str) -> bool:
        """Whether the caller may run a skill."""
        ...

    def require_skill(self, caller: Caller, skill: str) -> None:
        """Raise NotAllowed when the caller may not run a skill."""
        ...


# Word of an event may be lost with the process that sent it.
_LOOK_SECONDS = 10.0
_SILENCE_SECONDS = 15.0
# A worker that lives has recorded by then what is done.
_CANCEL_SECONDS = 3.0
_AGENT = "job"
_MAX_LOOKED_AT = 1000


class Jobs:
    """The jobs of all processes that share the database; a `JobWorker`, here or in another process, works on them."""

    def __init__(
        self,
        store: JobStore,
        skills: SkillAccess,
        find_model: FindOwnModel,
        rights: SkillRights,
        *,
        signals: Signals,
        max_queued: int,
    ) -> None:
        """`max_queued` jobs of one person may wait."""
        self.store = store
        self._skills = skills
        self._find_model = find_model
        self._rights = rights
        self._max_queued = max_queued
        self._signals = signals

    async def begin(self, caller: Caller, name: str, arguments: Mapping[str, Any]) -> Job:
        """Queue a pipeline.

        Raises NotAllowed for a skill that the key does not permit, NotFound for an unknown one, InputInvalid with each
        complaint, ModelMissing when it needs a language model and there is none, QueueFull when too many of this
        person's wait already.
        """
        name = canonical_name(name)
        await self.check(caller, name, arguments)
        job = await self.store.database.in_thread(self.store.create, caller, name, arguments, self._max_queued)
        self._signals.wake(WAITING_JOBS)
        return job

    async def check(self, caller: Caller, name: str, arguments: Mapping[str, Any]) -> None:
        """Raise what `begin` raises for what cannot be run."""
        self._rights.require_skill(caller, name)
        skill = self._skill(name)
        errors = await _complaints(skill, arguments)
        if errors:
            raise InputInvalid(say("jobs.does_not_fit", name=name), errors)
        if skill.manifest.llm_required and await self._find_model(caller) is None:
            raise ModelMissing(say("jobs.needs_model", title=skill.manifest.title))

    async def find(self, caller: Caller, job_id: str) -> Job:
        """Return a job of this caller.

        Raises NotFound, also for somebody else's, and for one of this person's whose skill this key does not permit.
        """
        job = await self.store.database.in_reader(self.store.find, caller, job_id)
        if job is None or not self._rights.may_run(caller, job.skill):
            raise NotFound(say("jobs.not_yours", job=job_id[:60]))
        return job

    async def of_caller(self, caller: Caller, most: int) -> list[Job]:
        """Return this caller's jobs, newest first, of the skills that the key permits."""
        looked_at = _MAX_LOOKED_AT if caller.models else most
        jobs = await self.store.database.in_reader(self.store.of_caller, caller, looked_at)
        return [job for job in jobs if self._rights.may_run(caller, job.skill)][:most]

    async def cancel(self, caller: Caller, job_id: str) -> Job:
        """Stop a job; what its worker has done by now stays done and is recorded first.

        Raises NotFound, and StateConflict for an ended one.
        """
        job = await self.find(caller, job_id)
        if job.state in ENDED:
            raise StateConflict(say("jobs.cancelled_late", state=job.state))
        in_thread = self.store.database.in_thread
        with self._signals.subscribe(job_topic(job_id), is_urgent=True) as changed, suppress(TimeoutError):
            if await in_thread(self.store.ask_to_cancel, caller, job_id):
                self._signals.wake(STOPPED_JOBS)
                async with asyncio.timeout(_CANCEL_SECONDS):
                    while (await self.find(caller, job_id)).state not in ENDED:
                        await changed.wait(_LOOK_SECONDS)
        # Where nobody works on it, or whoever did is silent.
        if await in_thread(self.store.cancel, caller, job_id):
            self._signals.wake(STOPPED_JOBS)
            self._signals.wake(job_topic(job_id))
        return await self.find(caller, job_id)

    async def follow(self, job_id: str, after: int) -> AsyncGenerator[JobEvent | None]:
        """Yield the events after a number until the job ends; None when nothing happened for a while."""
        spoke_at = time.monotonic()
        with self._signals.subscribe(job_topic(job_id), is_urgent=True) as changed:
            while True:
                found, has_ended = await self._read(job_id, after)
                for event in found:
                    yield event
                    after, spoke_at = event.number, time.monotonic()
                    if event.kind in ENDED:
                        return
                if found:
                    # Perhaps there are more already: a long story is read in parts.
                    continue
                if has_ended:
                    return
                if time.monotonic() - spoke_at > _SILENCE_SECONDS:
                    yield None
                    spoke_at = time.monotonic()
                await changed.wait(_LOOK_SECONDS)

    async def _read(self, job_id: str, after: int) -> tuple[list[JobEvent], bool]:
        """Return the next events, and whether none will follow; nothing while the database is away: it comes back."""
        store = self.store
        try:
            found = await store.database.in_reader(store.events, job_id, after)
            return found, not found and await store.database.in_reader(store.has_ended_by, job_id, after)
        except StorageFailed:
            return [], False

    async def run(self, job: Job, watch: Watch, proposals: Proposals | None = None) -> None:
        """Run a pipeline here; `watch` records it, `proposals` make a dry run. Raises what the skill raises."""
        # Asked again: the job may have waited while the agents changed.
        self._rights.require_skill(job.caller, job.skill)
        skill = self._skill(job.skill)
        if skill.pipeline is None:
            raise NotFound(say("jobs.no_longer_pipeline", name=job.skill))
        with redactor.watching():
            model = await self._find_model(job.caller)
            asker = skill.pipeline.asker(lambda: model)
            context = self._skills.context(skill, job.caller, _AGENT, proposals)
            call = context.reporting(tell_nobody, watch.waits).for_call(skill.tools[0].name, may_write=True)
            ending = "failed"
            try:
                await run_pipeline(skill.pipeline, call, _arguments(skill, job.arguments), asker, watch)
                ending = "ok"
            finally:
                call.close(ending)

    def _skill(self, name: str) -> Skill:
        return self._skills.get(name, lambda: None)


async def _complaints(skill: Skill, arguments: Mapping[str, Any]) -> list[str]:
    if skill.pipeline is None:
        return [say("jobs.no_pipeline")]
    return [str(error) for error in await skill.tools[0].input.check(_arguments(skill, arguments))]


def _arguments(skill: Skill, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return with_declared_targets(arguments, skill.tools[0].parameters)
