"""One request through one agent: slash command, or model run, within its limits."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from agentroster.accounts.connect import Connector
from agentroster.agents.registry import AgentRegistry
from agentroster.agents.spec import AgentSpec
from agentroster.errors import LimitReached, NotAllowed, UpstreamError, UpstreamRejected
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.llm.backend import AGENT_PREFIX, ModelChoice
from agentroster.llm.user_model import Models
from agentroster.logs import redactor
from agentroster.runs import commands
from agentroster.runs.account_commands import AccountCommands
from agentroster.runs.background_task import answer_task
from agentroster.runs.chat import ChatRequest, Emit, RunEvent, RunResult, Text, Thinking
from agentroster.runs.rehearsal import load_agno, rehearse
from agentroster.runs.usage import RunUsage, counted
from agentroster.settings.settings import Settings
from agentroster.skills.access import SkillAccess
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill
from agentroster.skills.skill_toolset import toolset_of
from agentroster.skills.understanding import Refusal

_MAX_ANSWER = 20_000_000
"""Characters of text and thinking."""

logger = logging.getLogger(__name__)


class Runner:
    """Runs requests; holds nothing of any of them."""

    def __init__(
        self,
        settings: Settings,
        *,
        agents: AgentRegistry,
        skills: SkillAccess,
        connector: Connector,
        models: Models,
        session_secret: bytes,
    ) -> None:
        self._settings = settings
        self._agents = agents
        self._skills = skills
        self._accounts = AccountCommands(connector)
        self._models = models
        self._session_secret = session_secret
        self._is_prepared = False

    async def prepare(self) -> None:
        """Import what a model run needs, in a thread, so that no request has to; a failure is only logged."""
        self._is_prepared = True
        try:
            for spec in [spec for spec in self._agents.all() if spec.factory is None][:1]:
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
            raise NotAllowed(f"This key may not use {model_name}. Ask the operator for a key that may.")
        spec = self._agents.get(request.agent)
        usage = RunUsage(spec.limits.model_calls or self._settings.run_model_calls)
        if request.task is not None:
            emit(Text(await answer_task(request, counted(self._models.for_tasks(), usage))))
            return RunResult("stop", usage.tokens)
        seconds = spec.limits.seconds or self._settings.run_seconds
        output = _Output(emit)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                # For the key of a person's own model, which no error and no line of the log may show.
                with redactor.watching():
                    await self._answer(spec, request, usage, output)
        except LimitReached as limit:
            return output.stop(limit.message, usage)
        except TimeoutError:
            if not deadline.expired():
                raise
            return output.stop(f"I stopped here: this answer reached its limit of {seconds:g} seconds.", usage)
        return RunResult(usage.finish_reason, usage.tokens)

    async def _answer(self, spec: AgentSpec, request: ChatRequest, usage: RunUsage, output: "_Output") -> None:
        if await self._common_command(spec, request, output):
            return
        choice = await self._models.choose(spec.model, request.caller, spec.backend)

        def find_model() -> ModelChoice | None:
            return counted(choice, usage)

        skills = [self._skills.get(name, find_model) for name in spec.skills]
        is_command = request.question.startswith("/")
        if is_command and await self._invoke(commands.find_command, request.question, request, skills, output):
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
            session_id=request.caller.session_key(self._session_secret, spec.name),
            emit=output.emit,
        )
        try:
            await run.run()
        except UpstreamError as error:
            if isinstance(error, UpstreamRejected) or not await self._without_model(spec, request, error, output):
                raise
            return
        # To the person, who would not learn it from a skill that keeps silent.
        if run.refused:
            output.paragraph(commands.refusals_text(list(run.refused)))
        for provider in sorted(run.needed_accounts):
            await self._invite(provider, request, output)

    def _bound(
        self, name: str, caller: Caller, agent: str, find_model: Callable[[], ModelChoice | None] = lambda: None
    ) -> tuple[Skill, SkillContext]:
        skill = self._skills.get(name, find_model)
        return skill, self._skills.context(skill, caller, agent)

    async def _common_command(self, spec: AgentSpec, request: ChatRequest, output: "_Output") -> bool:
        """Answer the commands that every agent has; no model is looked for."""
        text = request.question
        if not text.startswith("/"):
            return False
        if text.split()[0] == "/help":
            skills = [self._skills.get(name, lambda: None) for name in spec.skills]
            output.emit(Text(commands.help_text(spec, skills)))
            return True
        answer = await self._accounts.answer(request)
        if answer is not None:
            output.emit(Text(answer))
        return answer is not None

    async def _offline(self, request: ChatRequest, skills: Sequence[Skill], output: "_Output") -> None:
        if not await self._invoke(commands.understand, request.question, request, skills, output):
            output.emit(Text(commands.unknown_command(request.question)))

    async def _without_model(
        self, spec: AgentSpec, request: ChatRequest, error: UpstreamError, output: "_Output"
    ) -> bool:
        """Do what a skill understood to the last word, when the model failed before it said or did anything."""
        if output.has_begun:
            return False
        skills = [self._skills.get(name, lambda: None) for name in spec.skills]
        # In a thread, as in `_invoke`.
        found = await asyncio.to_thread(commands.understand, request.question, skills, self._reading(request))
        if not isinstance(found, commands.Invocation):
            return False
        output.emit(Text(f"The language model is away, so I did this without it. {error.message}\n\n"))
        await self._call(found, request, output)
        return True

    async def _invoke(
        self,
        find: commands.Finder,
        text: str,
        request: ChatRequest,
        skills: Sequence[Skill],
        output: "_Output",
    ) -> bool:
        # In a thread: understanding a message may look through the folders of the library.
        invocation = await asyncio.to_thread(find, text, skills, self._reading(request))
        if invocation is None:
            return False
        if isinstance(invocation, Refusal):
            output.emit(Text(invocation.sentence + "\n"))
            return True
        await self._call(invocation, request, output)
        return True

    def _reading(self, request: ChatRequest) -> commands.ContextOf:
        """Return the world of a skill while it reads a message: nothing is written."""
        return lambda skill: self._skills.context(skill, request.caller, request.agent).rehearsing()

    async def _call(self, invocation: commands.Invocation, request: ChatRequest, output: "_Output") -> None:
        context = self._skills.context(invocation.skill, request.caller, request.agent)
        needed = await commands.invoke(invocation, toolset_of(invocation.skill, context), output.emit, request.ready)
        if needed:
            await self._invite(needed, request, output)

    async def _invite(self, provider: str, request: ChatRequest, output: "_Output") -> None:
        # To the person, never through the model: a link is a permission.
        output.paragraph(await self._accounts.invitation(request.caller, provider))


class _Output:
    """Passes events on up to a limit, and knows whether a sentence of ours needs a blank line before it."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._has_text = False
        self._length = 0
        self.has_begun = False

    def emit(self, event: RunEvent) -> None:
        self.has_begun = True
        if isinstance(event, Text | Thinking):
            self._length += len(event.text)
            if self._length > _MAX_ANSWER:
                raise LimitReached(f"I stopped here: this answer reached {_MAX_ANSWER // 1_000_000} MB.")
        self._has_text = self._has_text or isinstance(event, Text)
        self._emit(event)

    def paragraph(self, text: str) -> None:
        self.emit(Text(f"\n\n{text}" if self._has_text else text))

    def stop(self, sentence: str, usage: RunUsage) -> RunResult:
        self._emit(Text(f"\n\n{sentence}" if self._has_text else sentence))
        return RunResult("length", usage.tokens)
