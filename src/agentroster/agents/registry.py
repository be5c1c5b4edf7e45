"""The live registry of agents: from packages, a file and the database, and what is wrong with others."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agentroster.agents.entry_points import EntryPointSource
from agentroster.agents.roster import Roster, merged, roster_of
from agentroster.agents.sources import AgentSource, DatabaseSource, FoundAgent
from agentroster.agents.spec import AgentSpec
from agentroster.agents.toml_file import TomlSource
from agentroster.errors import ModelNotFound
from agentroster.llm.named_backends import BackendSpec
from agentroster.messages import say
from agentroster.settings.settings import Settings
from agentroster.skills.registry import SkillRegistry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What a reload changed, by name; `kept` are agents that stay as they were because of a problem."""

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    kept: Sequence[str] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether all is as before."""
        return not (self.added or self.changed or self.removed)

    def __str__(self) -> str:
        told = {"added": self.added, "changed": self.changed, "removed": self.removed, "kept as before": self.kept}
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in told.items() if names) or "nothing changed"


class AgentRegistry:
    """The agents of the moment: a change counts with the next request, and a run keeps the spec it began with."""

    def __init__(self, sources: Sequence[AgentSource], skills: SkillRegistry) -> None:
        """Raises StartRefused as `reload`."""
        self._sources = sources
        self._skills = skills
        self._now = Roster()
        self._keys: set[str] = set()
        self._use(merged(sources, skills, self._now))
        for problem in self._now.problems:
            if problem.place and problem.agent and not problem.line:
                logger.warning("agent plugin %s of %s is skipped: %s", problem.agent, problem.place, problem.message)
            else:
                logger.warning("skipped: %s", problem)

    @classmethod
    def load(cls, settings: Settings, skills: SkillRegistry) -> "AgentRegistry":
        """Load the agents of all installed packages, of the agents file, and of the database."""
        file = TomlSource(settings.agents_path, is_required=settings.agents_file is not None)
        return cls([EntryPointSource(settings.plugins), file, DatabaseSource()], skills)

    @classmethod
    def of(cls, *specs: AgentSpec) -> "AgentRegistry":
        """Return a registry of just these, for whoever has no sources; their skills are not looked for."""
        made = cls((), SkillRegistry({}, {}))
        made._use(roster_of({spec.name: FoundAgent(spec=spec, kind="package", origin="") for spec in specs}, {}, ()))
        return made

    def get(self, name: str) -> AgentSpec:
        """Return an agent. Raises ModelNotFound, listing the known ones."""
        spec = self._now.enabled.get(name)
        if spec is None:
            known = ", ".join(spec.model_name for spec in self.all())
            raise ModelNotFound(
                say("agents.unknown", name=name, known=known) if known else say("agents.unknown_of_none", name=name)
            )
        return spec

    def has(self, name: str) -> bool:
        """Whether there is such an agent, and it is enabled."""
        return name in self._now.enabled

    def all(self) -> Iterable[AgentSpec]:
        """Return all enabled agents, by name."""
        return self._now.enabled.values()

    def for_everybody(self) -> list[AgentSpec]:
        """Return the agents of the one list that all people behind a forwarder get: none that was made over an API."""
        agents = self._now.agents
        return [spec for name, spec in self._now.enabled.items() if agents[name].kind != "database"]

    @property
    def now(self) -> Roster:
        """Everything there is at the moment, disabled agents and problems included."""
        return self._now

    @property
    def broken(self) -> dict[str, str]:
        """Return why agents, and other parts of the agents file, are left out, by their name or place."""
        told: dict[str, str] = {}
        for problem in self._now.problems:
            name = problem.agent or problem.place
            text = f"{problem.place}: {problem.message}" if problem.agent else problem.message
            told[name] = f"{told[name]}; {text}" if name in told else text
        return told

    def secrets(self) -> frozenset[str]:
        """Return every key of a backend that was ever in use, for the log redaction only."""
        return frozenset(self._keys)

    def backends(self) -> Mapping[str, BackendSpec]:
        """Return the named backends of the moment."""
        return self._now.backends

    def is_stale(self) -> bool:
        """Whether a source has something new; may block."""
        return any(source.is_stale() for source in self._sources)

    def reload(self) -> Change:
        """Ask all sources again; may block. An agent that is broken now stays as it was.

        Raises StartRefused when nothing can be used, or two sources define one agent: then everything stays.
        """
        before = self._now
        self._use(merged(self._sources, self._skills, before))
        after, problems = self._now, {problem.agent for problem in self._now.problems}
        return Change(
            added=sorted(after.enabled.keys() - before.enabled.keys()),
            changed=sorted(name for name, spec in after.enabled.items() if before.enabled.get(name, spec) != spec),
            removed=sorted(before.enabled.keys() - after.enabled.keys()),
            kept=sorted(problems & {name for name, agent in after.agents.items() if agent.kind != "package"}),
        )

    def _use(self, roster: Roster) -> None:
        self._keys |= {backend.api_key for backend in roster.backends.values() if backend.api_key}
        # One assignment: whoever reads meanwhile sees all of the old or all of the new.
        self._now = roster
