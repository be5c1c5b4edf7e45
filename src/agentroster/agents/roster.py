"""The agents of one moment, put together from what each source has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentroster.agents.entry_points import OWN
from agentroster.agents.sources import AgentSource, Found, FoundAgent, Problem
from agentroster.agents.spec import AgentSpec
from agentroster.errors import NotFound, StartRefused
from agentroster.llm.named_backends import DEFAULT, BackendSpec
from agentroster.skills.registry import SkillRegistry
from agentroster.spelling import did_you_mean


@dataclass(frozen=True, slots=True)
class Roster:
    """The agents of one moment; `enabled` are those that answer, by name."""

    agents: Mapping[str, FoundAgent] = field(default_factory=dict[str, FoundAgent])
    enabled: Mapping[str, AgentSpec] = field(default_factory=dict[str, AgentSpec])
    backends: Mapping[str, BackendSpec] = field(default_factory=dict[str, BackendSpec])
    problems: Sequence[Problem] = ()


def merged(sources: Sequence[AgentSource], skills: SkillRegistry, before: Roster) -> Roster:
    """Return what the sources have now; an agent that is broken now stays as it was before. Raises StartRefused."""
    found = [source.load() for source in sources]
    agents: dict[str, FoundAgent] = {}
    for agent in [agent for one in found for agent in one.agents]:
        first = agents.setdefault(agent.spec.name, agent)
        if first is not agent:
            raise StartRefused(_two_of_one_name(first, agent))
    problems = [problem for one in found for problem in one.problems]
    backends = {name: backend for one in found for name, backend in one.backends.items()}
    for name, agent in list(agents.items()):
        faults = _faults(agent, skills, found)
        if faults:
            if agent.origin == OWN:
                raise StartRefused(f"The built-in agent {name} cannot be loaded: install again")
            problems += faults
            del agents[name]
    for name in {problem.agent for problem in problems} - agents.keys():
        old = before.agents.get(name)
        if old is not None and old.kind != "package":
            agents[name] = old
            wanted = old.spec.backend
            if wanted is not None and wanted in before.backends:
                backends.setdefault(wanted, before.backends[wanted])
    return roster_of(agents, backends, problems)


def roster_of(
    agents: Mapping[str, FoundAgent], backends: Mapping[str, BackendSpec], problems: Sequence[Problem]
) -> Roster:
    """Return these agents, in the order of their names."""
    by_name = {name: agents[name] for name in sorted(agents)}
    enabled = {name: agent.spec for name, agent in by_name.items() if agent.spec.enabled}
    return Roster(by_name, enabled, backends, tuple(sorted(problems, key=lambda problem: problem.line)))


def _faults(agent: FoundAgent, skills: SkillRegistry, found: Sequence[Found]) -> list[Problem]:
    """Return what the agent names and the deployment does not have."""
    faults: list[tuple[str, str]] = []
    for skill in agent.spec.skills:
        try:
            skills.get(skill)
        except NotFound as error:
            known = [one.manifest.name for one in skills.all()]
            hint = did_you_mean(skill, known) or f": there are {', '.join(known)}"
            missing = f'there is no skill "{skill}"{hint}'
            faults.append(("skills", error.message if skill in skills.broken else missing))
    wanted = agent.spec.backend
    backends = {DEFAULT} | {name for one in found for name in one.backends}
    if wanted is not None and wanted not in backends:
        reason = next((one.broken_backends[wanted] for one in found if wanted in one.broken_backends), "")
        missing = f'there is no backend "{wanted}"{did_you_mean(wanted, backends)}'
        faults.append(("backend", f'the backend "{wanted}" cannot be used: {reason}' if reason else missing))
    name = agent.spec.name
    return [
        Problem(message=message, agent=name, place=agent.place(field), line=agent.line(field))
        for field, message in faults
    ]


def _two_of_one_name(first: FoundAgent, second: FoundAgent) -> str:
    return (
        f"Two places define the agent {first.spec.name!r}: {first.place()} and {second.place()}. "
        "Remove or rename one, or choose packages with ROSTER_PLUGINS."
    )
