"""All agents there are: found through entry points, broken ones named, duplicates refused."""

import importlib.metadata
import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint

from agentroster.agents.spec import AgentSpec, spec_of
from agentroster.errors import ModelNotFound, RosterError, StartRefused
from agentroster.skills.registry import SkillRegistry

logger = logging.getLogger(__name__)

GROUP = "agentroster.agents"
_OWN = "agentroster"


class AgentRegistry:
    """The agents by name; `broken` maps the name of a plugin to the reason it was left out."""

    def __init__(self, specs: Iterable[AgentSpec], origins: Mapping[str, str], broken: Mapping[str, str]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self.origins = dict(origins)
        self.broken = dict(broken)

    @classmethod
    def load(cls, plugins: Sequence[str], skills: SkillRegistry) -> "AgentRegistry":
        """Load the agents of all installed packages.

        `plugins` is `("all",)`, `("none",)` or names of entry points or packages; our own agents always load.
        A broken plugin is logged, skipped and listed in `broken`. Raises StartRefused, naming both packages,
        when two define the same agent.
        """
        chosen = [entry for entry in importlib.metadata.entry_points(group=GROUP) if _is_wanted(entry, plugins)]
        _refuse_duplicates(chosen)
        specs: list[AgentSpec] = []
        broken: dict[str, str] = {}
        for entry in sorted(chosen, key=lambda entry: entry.name):
            try:
                specs.append(_load(entry, skills))
            except Exception as error:
                if _package(entry) == _OWN:
                    raise StartRefused(f"The built-in agent {entry.name} cannot be loaded: install again") from error
                reason = error.message if isinstance(error, RosterError) else f"{type(error).__name__}: {error}"
                broken[entry.name] = f"{_package(entry)}: {reason}"
                logger.warning("agent plugin %s of %s is skipped: %s", entry.name, _package(entry), reason)
        return cls(specs, {entry.name: _package(entry) for entry in chosen}, broken)

    def get(self, name: str) -> AgentSpec:
        """Return an agent. Raises ModelNotFound, listing the known ones."""
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(spec.model_name for spec in self.all())
            raise ModelNotFound(f"There is no agent agno/{name}. Known agents: {known or 'none'}.")
        return spec

    def all(self) -> list[AgentSpec]:
        """Return all agents, by name."""
        return [self._specs[name] for name in sorted(self._specs)]


def _load(entry: EntryPoint, skills: SkillRegistry) -> AgentSpec:
    spec = spec_of(entry.name, entry.load())
    for skill in spec.skills:
        skills.get(skill)
    return spec


def _is_wanted(entry: EntryPoint, plugins: Sequence[str]) -> bool:
    if _package(entry) == _OWN or "all" in plugins:
        return True
    return entry.name in plugins or _package(entry) in plugins


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"


def _refuse_duplicates(entries: Sequence[EntryPoint]) -> None:
    seen: dict[str, EntryPoint] = {}
    for entry in entries:
        first = seen.setdefault(entry.name, entry)
        if first is not entry and (first.value, _package(first)) != (entry.value, _package(entry)):
            raise StartRefused(
                f"Two packages define the agent {entry.name!r}: {_package(first)} ({first.value}) and "
                f"{_package(entry)} ({entry.value}). Uninstall one, or choose with ROSTER_PLUGINS."
            )
