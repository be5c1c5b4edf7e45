"""All providers there are: our table, and plugins of the entry-point group `agentroster.credentials`."""

import logging
from collections.abc import Iterable, Mapping

from agentroster.accounts.provider import Provider
from agentroster.accounts.providers import built_in
from agentroster.errors import BadInput, NotFound
from agentroster.messages import say
from agentroster.plugins import plugins_of, reason_of
from agentroster.settings.settings import Settings

logger = logging.getLogger(__name__)

GROUP = "agentroster.credentials"


class ProviderRegistry:
    """The providers by name; `broken` maps the name of a plugin to the reason it was left out."""

    def __init__(self, providers: Iterable[Provider], broken: Mapping[str, str]) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self.broken = dict(broken)

    @classmethod
    def load(cls, settings: Settings) -> "ProviderRegistry":
        """Load our providers and those of installed packages.

        A plugin gives a Provider, or a function from Settings to one. A broken plugin, or one that would replace a
        provider, is logged, skipped and listed in `broken`.
        """
        found = {provider.name: provider for provider in built_in(settings)}
        broken: dict[str, str] = {}
        for plugin in plugins_of(GROUP, settings.plugins):
            try:
                value = plugin.load()
                provider = value if isinstance(value, Provider) else value(settings)
                if not isinstance(provider, Provider):
                    raise BadInput("the entry point gives no Provider")
                if provider.name in found:
                    raise BadInput(f"there is a provider {provider.name} already")
            except Exception as error:  # noqa: BLE001 - the border to other packages
                broken[plugin.name] = reason_of(error)
                logger.warning("provider plugin %s is skipped: %s", plugin.name, broken[plugin.name])
            else:
                found[provider.name] = provider
        return cls(found.values(), broken)

    def get(self, name: str) -> Provider:
        """Return a provider. Raises NotFound, listing the known ones."""
        provider = self._providers.get(name)
        if provider is None:
            raise NotFound(say("accounts.unknown_kind", name=name[:40], known=", ".join(self.names())))
        return provider

    def all(self) -> list[Provider]:
        """Return all providers, by name."""
        return [self._providers[name] for name in self.names()]

    def names(self) -> list[str]:
        """Return the names of all providers."""
        return sorted(self._providers)
