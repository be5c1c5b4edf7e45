"""Decides which hosts' images an agent's answers may show: a page fetches them without a click."""

from urllib.parse import urlsplit

from agentroster.agents.registry import AgentRegistry
from agentroster.errors import NotFound
from agentroster.settings.settings import Settings
from agentroster.skills.capability_options import HttpOptions
from agentroster.skills.registry import SkillRegistry


class ImageHosts:
    """Knows these hosts: the deployment's own, the agent's, and those its skills declare as `network_domains`."""

    def __init__(self, settings: Settings, agents: AgentRegistry, skills: SkillRegistry) -> None:
        self._agents = agents
        self._skills = skills
        own = urlsplit(settings.public_url).hostname if settings.public_url else None
        self._everywhere = {host.lower() for host in (own, *settings.image_hosts) if host}
        # The name under which skills declare the Hub, wherever it is.
        self._hub = urlsplit(settings.hf_endpoint).hostname or ""

    def of(self, agent: str) -> frozenset[str]:
        """Return the lower-case host names for an agent; an unknown one has the deployment's."""
        try:
            spec = self._agents.get(agent)
        except NotFound:
            return frozenset(self._everywhere)
        options = [self._skills.get(name).manifest.options(HttpOptions) for name in spec.skills]
        declared = {host for http in options if http is not None for host in http.hosts}
        hosts = {self._hub if host == "huggingface.co" else host for host in declared}
        return frozenset(host.lower() for host in (*self._everywhere, *spec.image_hosts, *hosts))
