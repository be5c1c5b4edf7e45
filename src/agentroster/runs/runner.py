"""One request through one agent: slash command, or model run, within its limits."""

import asyncio
import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import KW_ONLY, dataclass, field
from functools import partial

from agentroster.accounts.connect import Connector
from agentroster.agents.registry import AgentRegistry
from agentroster.agents.spec import AgentSpec
from agentroster.errors import LimitReached, NotAllowed, UpstreamError, UpstreamRejected
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.llm.backend import AGENT_PREFIX
from agentroster.llm.user_model import Models
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.runs import agreement, commands
from agentroster.runs.account_commands import AccountCommands
from agentroster.runs.background_task import answer_task
from agentroster.runs.chat import ChatRequest, Emit, Folded, ModelAsked, Picture, RunEvent, RunResult, Text, Thinking
from agentroster.runs.job_commands import JobCommands, PersonsJobs
from agentroster.runs.open_runs import OpenRun, OpenRuns
from agentroster.runs.rehearsal import load_agno, rehearse
from agentroster.runs.usage import RunUsage, counted
from agentroster.settings.settings import Settings
from agentroster.skills.access import SkillAccess
from agentroster.skills.context import SkillContext
from agentroster.skills.question import FindModel
from agentroster.skills.registry import Skill
from agentroster.skills.skill_toolset import toolset_of
from agentroster.skills.understanding import Refusal

_MAX_ANSWER = 20_000_000
"""Characters of text and thinking."""

logger = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class Runner:
    """Runs requests, and keeps nothing of them."""

    settings: Settings
    _: KW_ONLY
    agents: AgentRegistry
    skills: SkillAccess
    connector: Connector
    models: Models
    session_secret: bytes
    jobs: PersonsJobs | None = None
    open_runs: OpenRuns = field(default_factory=OpenRuns)
    _is_prepared: bool = field(default=False, init=False)

    async def prepare(self) -> None:
        """Import what a model run needs, in a thread, so that no request has to; a failure is only logged."""
        self._is_prepared = True
        try:
            for spec in [spec for spec in self.agents.all() if spec.factory is None][:1]:
                await rehearse(spec, lambda name: self._bound(name, ANONYMOUS, spec.name))  # noqa: B023 - one spec only
        except Exception:
            logger.exception("the rehearsal of an agent failed, the first request will be slow")

    async def run(self, request: ChatRequest, emit: Emit) -> RunResult:
        """Answer a request, emitting events as they happen.

        A limit that is reached ends the answer with a sentence and `length`. Raises a RosterError otherwise;
        cancellation ends the model call and the tools at once.
        """
        model_name = f"{AGENT_PREFIX}{request.agent}"
        # Before it is looked for: whoever may not use it does not learn whether it exists.
        if not request.caller.may(model_name):
            raise NotAllowed(say("runs.key_without_model", model=model_name))
        spec = self.agents.get(request.agent)
        usage = RunUsage(spec.limits.model_calls or self.settings.run_model_calls)
        if request.task is not None:
            emit(Text(await answer_task(request, counted(self.models.for_tasks(), usage))))
            return RunResult("stop", usage.tokens)
        with self.open_runs.entered(request.caller, spec.name, spec.display_name) as entry:
            try:
                result = await self._run(spec, request, usage, _Output(emit, entry), entry)
            except asyncio.CancelledError:
                if not entry.is_stopped:
                    raise
                result = RunResult("stop", usage.tokens)
            if entry.is_stopped:
                # Its person ended it from somewhere else, and this client still listens.
                entry.task.uncancel()
                emit(Text(f"\n\n{say('runs.stopped_by_command')}\n"))
            return result

    async def _run(
        self, spec: AgentSpec, request: ChatRequest, usage: RunUsage, output: "_Output", entry: OpenRun
    ) -> RunResult:
        seconds = spec.limits.seconds or self.settings.run_seconds
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                # For the key of a person's own model, which no error and no line of the log may show.
                with redactor.watching():
                    await self._answer(spec, request, usage, output, entry)
        except LimitReached as limit:
            return output.stop(limit.message, usage)
        except TimeoutError:
            if not deadline.expired():
                raise
            return output.stop(say("runs.time_used_up", seconds=seconds), usage)
        return RunResult(usage.finish_reason, usage.tokens)

    async def _answer(
        self, spec: AgentSpec, request: ChatRequest, usage: RunUsage, output: "_Output", entry: OpenRun
    ) -> None:
        if await self._common_command(spec, request, output, entry):
            return
        choice = await self.models.choose(spec.model, request.caller, spec.backend)
        find_model = partial(counted, choice, usage)
        skills = self._skills_of(spec, find_model)
        # An agent with code of its own may know commands that nobody else knows.
        may_be_unknown = spec.factory is not None and choice is not None
        if await self._command(request, skills, output, may_be_unknown=may_be_unknown) or await self._agreed(
            request, skills, output, has_model=choice is not None
        ):
            return
        if choice is None:
            await self._offline(request, skills, output)
            return
        if not self._is_prepared:
            # Somebody's own model where the deployment has none, or plain `litellm`.
            await self.prepare()
        agno_run = await load_agno()
        run = agno_run(
            spec=spec,
            request=request,
            choice=choice,
            usage=usage,
            find_skill=lambda name: self._bound(name, request.caller, spec.name, find_model),
            session_id=request.caller.session_key(self.session_secret, spec.name),
            emit=output.emit,
        )
        try:
            await run.run()
        except UpstreamError as error:
            if isinstance(error, UpstreamRejected) or not await self._without_model(spec, request, error, output):
                raise
            return
        # To the person, who may not learn it from the skill.
        if run.refused:
            output.paragraph(commands.refusals_text(list(run.refused)))
        await self._end(request, usage, run.needed_accounts, output)

    async def _end(
        self, request: ChatRequest, usage: RunUsage, needed_accounts: AbstractSet[str], output: "_Output"
    ) -> None:
        """Say what a model's answer leaves unsaid: which accounts it needs, or that there was no word in it."""
        for provider in sorted(needed_accounts):
            await self._invite(provider, request, output)
        if (
            not output.has_words
            and not request.wants_object
            and (sentence := _empty_answer(usage, has_thought=output.has_thought))
        ):
            output.paragraph(sentence)

    def _skills_of(self, spec: AgentSpec, find_model: FindModel = lambda: None) -> list[Skill]:
        return [self.skills.get(name, find_model) for name in spec.skills]

    def _bound(
        self, name: str, caller: Caller, agent: str, find_model: FindModel = lambda: None
    ) -> tuple[Skill, SkillContext]:
        skill = self.skills.get(name, find_model)
        return skill, self.skills.context(skill, caller, agent)

    async def _common_command(self, spec: AgentSpec, request: ChatRequest, output: "_Output", entry: OpenRun) -> bool:
        """Answer the commands that every agent has; no model is looked for."""
        text = request.question
        if not text.startswith("/"):
            return False
        if text.split()[0] == "/help":
            answer: str | None = commands.help_text(spec, self._skills_of(spec))
        else:
            answer = await AccountCommands(self.connector).answer(request)
            if answer is None:
                answer = await JobCommands(self.open_runs, self.jobs).answer(request, entry)
        if answer is not None:
            output.emit(Text(answer))
        return answer is not None

    async def _command(
        self, request: ChatRequest, skills: Sequence[Skill], output: "_Output", *, may_be_unknown: bool
    ) -> bool:
        """Run a skill's command; the one that nobody has gets its sentence, and no model is asked what it means."""
        if not request.question.startswith("/"):
            return False
        if await self._invoke(commands.find_command, request, skills, output):
            return True
        return not may_be_unknown and await self._invoke(commands.find_unknown_command, request, skills, output)

    async def _offline(self, request: ChatRequest, skills: Sequence[Skill], output: "_Output") -> None:
        """Do what a skill understood to the last word, or say what can be written."""
        if not await self._invoke(commands.understand, request, skills, output):
            await self._invoke(commands.without_model, request, skills, output)

    async def _agreed(
        self, request: ChatRequest, skills: Sequence[Skill], output: "_Output", *, has_model: bool
    ) -> bool:
        """Do what the person was shown as a plan and says yes to; return whether the message was about one."""
        found = agreement.agreed_to(request.conversation)
        if found is None:
            return False
        # With a model it was the model that answered anything but a command.
        finders = [commands.find_command] if has_model else [commands.find_command, commands.understand]
        return await self._invoke(commands.agree(*found, finders), request, skills, output)

    async def _without_model(
        self, spec: AgentSpec, request: ChatRequest, error: UpstreamError, output: "_Output"
    ) -> bool:
        """Call the tool of a skill that understood the whole message, when the model failed before it said anything."""
        if output.has_begun:
            return False
        found = await self._found(commands.understand, request, self._skills_of(spec))
        if not isinstance(found, commands.Invocation):
            return False
        output.emit(Text(f"{say('runs.model_away', reason=error.message)}\n\n"))
        await self._call(found, request, output)
        return True

    async def _invoke(
        self, find: commands.Finder, request: ChatRequest, skills: Sequence[Skill], output: "_Output"
    ) -> bool:
        """Do what `find` finds in the message, or say why not; return whether it found anything."""
        found = await self._found(find, request, skills)
        if isinstance(found, Refusal):
            output.emit(Text(f"{found.sentence}\n"))
        elif found is not None:
            await self._call(found, request, output)
        return found is not None

    async def _found(
        self, find: commands.Finder, request: ChatRequest, skills: Sequence[Skill]
    ) -> commands.Invocation | Refusal | None:
        """Return what the message asks for; while a skill reads it, nothing is written.

        In a thread: understanding a message may look through the folders of the library.
        """

        def context_of(skill: Skill) -> SkillContext:
            return self.skills.context(skill, request.caller, request.agent).rehearsing()

        return await asyncio.to_thread(find, request.question, skills, context_of)

    async def _call(self, invocation: commands.Invocation, request: ChatRequest, output: "_Output") -> None:
        context = self.skills.context(invocation.skill, request.caller, request.agent)
        needed = await commands.invoke(invocation, toolset_of(invocation.skill, context), output.emit, request.ready)
        if needed:
            await self._invite(needed, request, output)

    async def _invite(self, provider: str, request: ChatRequest, output: "_Output") -> None:
        # To the person, never through the model: a link is a permission.
        output.paragraph(await AccountCommands(self.connector).invitation(request.caller, provider))


def _empty_answer(usage: RunUsage, *, has_thought: bool) -> str:
    """Return why there was no word; nothing where a model thought and simply ended: its thinking is what there is."""
    match usage.finish_reason:
        case "length":
            return say("runs.empty_at_limit")
        case "content_filter":
            return say("runs.empty_filtered")
        case _:
            return "" if has_thought else say("runs.empty_answer")


class _Output:
    """Passes events on up to a limit, and knows whether a sentence of ours needs a blank line before it."""

    def __init__(self, emit: Emit, entry: OpenRun) -> None:
        self._emit = emit
        self._entry = entry
        self._has_text = False
        self._length = 0
        self.has_begun = self.has_words = self.has_thought = False

    def emit(self, event: RunEvent) -> None:
        self.has_begun = self.has_begun or not isinstance(event, ModelAsked)
        self._entry.note(event)
        if isinstance(event, Text | Folded | Thinking | Picture):
            self._length += len(event.url if isinstance(event, Picture) else event.text)
            if self._length > _MAX_ANSWER:
                raise LimitReached(say("runs.answer_too_large", megabytes=_MAX_ANSWER // 1_000_000))
        self.has_thought = self.has_thought or (isinstance(event, Thinking) and bool(event.text.strip()))
        is_text = isinstance(event, Text | Folded)
        self._has_text = self._has_text or is_text
        self.has_words = self.has_words or isinstance(event, Picture) or (is_text and bool(event.text.strip()))
        self._emit(event)

    def paragraph(self, text: str) -> None:
        self.emit(Text(f"\n\n{text}" if self._has_text else text))

    def stop(self, sentence: str, usage: RunUsage) -> RunResult:
        self._emit(Text(f"\n\n{sentence}" if self._has_text else sentence))
        return RunResult("length", usage.tokens)
