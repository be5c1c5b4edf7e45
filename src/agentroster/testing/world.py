"""The world around a skill or an agent in a test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.sources import Found, FoundAgent
from agentroster.agents.spec import AgentSpec
from agentroster.errors import BadInput
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.library.library import Library
from agentroster.llm.backend import ModelChoice
from agentroster.llm.user_model import Models
from agentroster.runs.chat import ChatRequest, Folded, RunEvent, Text, ToolFinished
from agentroster.runs.runner import Runner
from agentroster.settings.settings import Settings
from agentroster.skills import registry
from agentroster.skills.access import Grant, HttpOpener, LibraryOpener, Opener, SkillAccess
from agentroster.skills.capability_options import AccountsOptions
from agentroster.skills.context import SkillContext
from agentroster.skills.past_runs import NoPastRuns
from agentroster.skills.registry import Skill, SkillRegistry
from agentroster.skills.skill_toolset import toolset_of
from agentroster.skills.sources import folder_source
from agentroster.skills.tools import Tool
from agentroster.skills.toolset import Audience
from agentroster.testing.answers import Answers, respond, responder_of
from agentroster.testing.capabilities import AccountsStandIn, MemoryStandIn, provider_of
from agentroster.testing.hub import HUB, Hub
from agentroster.testing.model import ScriptedModel

if TYPE_CHECKING:
    from agentroster.accounts.connect import Connector

PERSON = Caller(user="anna", proof="own_key", key_id="test")
NOBODY = ANONYMOUS
_AGENT = "test"


def load_skill(place: Path | str) -> Skill:
    """Load the skill of a folder, or of the folder of a test file (`__file__`), as the proxy does.

    Raises BadInput, or whatever its own code raises.
    """
    path = Path(place).resolve()
    return registry.load_skill(folder_source(path if path.is_dir() else path.parent, "test"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What came of a call: the `value` that the tool returned, or the `error` in words; `shown` is for the person.

    `needs` names the account that has to be connected first; `refused` is what the skill was refused and did not say.
    """

    value: Any = None
    error: str = ""
    shown: str = ""
    needs: str = ""
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One answer of an agent: its `text`, the tools it used, all events in order, and how it ended."""

    text: str
    tools: tuple[str, ...]
    events: tuple[RunEvent, ...]
    finish: str


@dataclass(slots=True, kw_only=True)
class World:
    """What a skill or an agent meets: who asks, services by their canned answers, the library, the model.

    A skill is handed only what its `skill.yaml` declares, and no more than that. `requests` has what it sent out
    through `context.http`; `memory` what skills remembered, by (person, skill, name).
    """

    caller: Caller = PERSON
    http: Answers = field(default_factory=dict[str, Any])
    accounts: Mapping[str, Answers] = field(default_factory=dict[str, Answers])
    hub: Hub | None = None
    library: Path | None = None
    model: ScriptedModel | None = None
    skills: Sequence[Skill] = ()
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])
    memory: dict[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])

    def context(self, skill: Skill) -> SkillContext:
        """Return what a tool of this skill is handed, to call its function yourself."""
        return self._access([skill]).context(skill, self.caller, _AGENT)

    async def call(self, skill: Skill, tool: str | None = None, /, **arguments: Any) -> Called:
        """Call a tool, guarded as in the proxy; without a name it is the skill's only one. Raises BadInput."""
        skill = skill.with_model(self._find_model)
        shown: list[str] = []

        async def show(text: str) -> None:
            shown.append(text)

        def tell(text: str, title: str = "") -> None:
            shown.append(f"\n{title}\n\n{text}" if title else text)

        toolset = toolset_of(skill, self.context(skill))
        outcome = await toolset.call(_tool(skill, tool), arguments, Audience(show=show, tell=tell))
        value: Any = json.loads(outcome.text)
        return Called(
            value=None if outcome.failed else value,
            error=value["error"] if outcome.failed else "",
            shown="".join(shown),
            needs=outcome.needs,
            refused=outcome.refused,
        )

    async def run(self, spec: AgentSpec, *messages: str | Mapping[str, object]) -> Ran:
        """Let an agent answer: a text is a message of the person, others are in OpenAI's form.

        Its skills are those of this world and the installed ones. Raises what a run raises, a RosterError.
        """
        found = {skill.manifest.name: skill for skill in self.skills}
        if not found.keys() >= set(spec.skills):
            found = {skill.manifest.name: skill for skill in SkillRegistry.load().all()} | found
        runner = Runner(
            Settings.model_construct(),
            agents=AgentRegistry([_Given(spec)], SkillRegistry(found, {})),
            skills=self._access(found.values()),
            connector=cast("Connector", _NoAccounts()),
            models=_OneModel(self._find_model()),
            session_secret=b"test",
        )
        events: list[RunEvent] = []
        wire = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
        result = await runner.run(
            ChatRequest(agent=spec.name, caller=self.caller, messages=wire, stream=True), events.append
        )
        return Ran(
            text="".join(event.text for event in events if isinstance(event, Text | Folded)),
            tools=tuple(event.tool for event in events if isinstance(event, ToolFinished)),
            events=tuple(events),
            finish=result.finish_reason,
        )

    def _find_model(self) -> ModelChoice | None:
        return ModelChoice("scripted", self.model, server=_AGENT) if self.model is not None else None

    def _access(self, skills: Sequence[Skill] | Any) -> SkillAccess:
        openers: dict[str, Opener] = {
            "http": HttpOpener(Settings.model_construct(), self._client()).open,
            "library": LibraryOpener(Library([self.library] if self.library is not None else [])).open,
            "memory": lambda _, grant: {"memory": MemoryStandIn(self.memory, grant.caller, grant.skill)},
            "accounts": self._accounts,
            "past_runs": lambda _, __: {"past_runs": NoPastRuns()},
        }
        return SkillAccess(SkillRegistry({skill.manifest.name: skill for skill in skills}, {}), openers)

    def _accounts(self, options: AccountsOptions, grant: Grant) -> Mapping[str, object]:
        answers = {name: responder_of(one) for name, one in self.accounts.items()}
        declared = frozenset(options.providers)
        return {"accounts": AccountsStandIn(answers=answers, caller=grant.caller, declared=declared)}

    def _client(self) -> httpx.AsyncClient:
        elsewhere = responder_of(self.http)

        async def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            is_hub = self.hub is not None and request.url.host == httpx.URL(HUB).host
            return self.hub(request) if self.hub is not None and is_hub else await respond(elsewhere, request)

        return httpx.AsyncClient(transport=httpx.MockTransport(handle))


async def call(skill: Skill, tool: str | None = None, /, **arguments: Any) -> Called:
    """Call a tool in a world where nothing is: for skills that need none of it."""
    return await World().call(skill, tool, **arguments)


def context(skill: Skill, **world: Any) -> SkillContext:
    """Return what a tool of this skill is handed in a world of these parts, see `World`."""
    return World(**world).context(skill)


def _tool(skill: Skill, name: str | None) -> Tool:
    found = [tool for tool in skill.tools if name is None or tool.name == name]
    if len(found) != 1:
        raise BadInput(
            f"Name a tool of {skill.manifest.name}: {', '.join(tool.name for tool in skill.tools) or 'none'}."
        )
    return found[0]


class _OneModel(Models):
    """The model of every agent, as a run looks for it."""

    def __init__(self, choice: ModelChoice | None) -> None:
        self._choice = choice

    async def choose(self, wish: str | None, caller: Caller, backend: str | None = None) -> ModelChoice | None:  # noqa: ARG002 - one for all
        return self._choice

    def for_tasks(self) -> ModelChoice | None:
        return self._choice


class _Given:
    """The one agent that is tested, as a source of agents."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec

    def load(self) -> Found:
        return Found(agents=[FoundAgent(spec=self._spec, kind="package", origin="a test")], problems=[])

    def is_stale(self) -> bool:
        return False


class _NoAccounts:
    """Where nobody can connect an account: a run names the link that it would give."""

    @property
    def source(self) -> "_NoAccounts":
        return self

    @property
    def providers(self) -> "_NoAccounts":
        return self

    def get(self, name: str) -> object:
        return provider_of(name)

    async def link(self, _caller: Caller, name: str) -> str:
        return f"https://connect.test/{name}"
