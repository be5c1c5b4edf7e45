"""Agents of installed packages, found through entry points; a broken one is named, duplicates are refused."""

from collections.abc import Sequence

from agentroster.agents.sources import Found, FoundAgent, Problem
from agentroster.agents.spec import spec_of
from agentroster.errors import StartRefused
from agentroster.plugins import OWN, plugins_of, reason_of

GROUP = "agentroster.agents"


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
        """Return False: code does not change while the process lives."""
        return False

    def _loaded(self) -> Found:
        agents: list[FoundAgent] = []
        problems: list[Problem] = []
        for plugin in plugins_of(GROUP, self._plugins):
            try:
                spec = spec_of(plugin.name, plugin.load())
                agents.append(FoundAgent(spec=spec, kind="package", origin=plugin.package))
            except Exception as error:
                if plugin.package == OWN:
                    raise StartRefused(f"The built-in agent {plugin.name} cannot be loaded: install again") from error
                problems.append(Problem(agent=plugin.name, message=reason_of(error), place=plugin.package))
        return Found(agents=agents, problems=problems)
