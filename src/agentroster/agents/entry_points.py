"""Agents of installed packages, found through entry points; a broken one is named, duplicates are refused."""

import importlib.metadata
import logging
from collections.abc import Sequence
from importlib.metadata import EntryPoint

from agentroster.agents.sources import Found, FoundAgent, Problem
from agentroster.agents.spec import spec_of
from agentroster.errors import RosterError, StartRefused

logger = logging.getLogger(__name__)

GROUP = "agentroster.agents"
OWN = "agentroster"


class EntryPointSource:
    """Loads each package's agents once: code does not change while the process lives."""

    def __init__(self, plugins: Sequence[str]) -> None:
        """`plugins` is `("all",)`, `("none",)` or names of entry points or packages; our own agents always load."""
        self._plugins = plugins
        self._found: Found | None = None

    def load(self) -> Found:
        """Return the agents, and a problem for each broken plugin.

        Raises StartRefused, naming both packages, when two define the same agent.
        """
        if self._found is None:
            self._found = self._loaded()
        return self._found

    def is_stale(self) -> bool:
        """Code does not change."""
        return False

    def _loaded(self) -> Found:
        chosen = [entry for entry in importlib.metadata.entry_points(group=GROUP) if _is_wanted(entry, self._plugins)]
        _refuse_duplicates(chosen)
        agents: list[FoundAgent] = []
        problems: list[Problem] = []
        for entry in sorted(chosen, key=lambda entry: entry.name):
            package = _package(entry)
            try:
                agents.append(FoundAgent(spec=spec_of(entry.name, entry.load()), kind="package", origin=package))
            except Exception as error:
                if package == OWN:
                    raise StartRefused(f"The built-in agent {entry.name} cannot be loaded: install again") from error
                reason = error.message if isinstance(error, RosterError) else f"{type(error).__name__}: {error}"
                problems.append(Problem(agent=entry.name, message=reason, place=package))
        return Found(agents=agents, problems=problems)


def _is_wanted(entry: EntryPoint, plugins: Sequence[str]) -> bool:
    if _package(entry) == OWN or "all" in plugins:
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
