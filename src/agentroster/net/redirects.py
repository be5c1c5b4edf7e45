"""Where a service that is trusted with it may redirect to, besides the hosts that are declared."""

from collections.abc import Collection
from dataclasses import dataclass

from agentroster.net.origin import Origin

_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirects:
    """The origins that redirect to where files are kept: `domains` with all below them over https, and `origins`.

    Nothing else may lead there, neither an address that somebody wrote nor a redirect of another host.
    """

    senders: Collection[Origin] = ()
    domains: Collection[str] = ()
    origins: Collection[Origin] = ()

    def permit(self, sender: Origin, target: Origin) -> bool:
        """Whether a redirect from one origin to another is permitted."""
        if sender not in self.senders:
            return False
        if target in self.origins:
            return True
        is_within = any(target.host == domain or target.host.endswith(f".{domain}") for domain in self.domains)
        return is_within and target.scheme == "https" and target.port == _HTTPS_PORT


NO_REDIRECTS = Redirects()
