"""The model hub as the way out knows it: where it keeps files, and which of its limits a request counts for."""

import math
from collections.abc import Collection, Hashable
from urllib.parse import urlsplit

from agentroster.messages import say
from agentroster.net.egress import Origin
from agentroster.net.rate_limits import OnWait
from agentroster.net.redirects import Redirects
from agentroster.settings.settings import Settings
from agentroster.skills.context import SkillContext

_PUBLIC = (Origin("https", "huggingface.co", 443), Origin("https", "hf.co", 443))
_DOMAINS = ("huggingface.co", "hf.co")


def hub_redirects(settings: Settings) -> Redirects:
    """Return where the hub, or the operator's mirror of it, may send a download.

    The public hub's hosts change, and all stand below its own two names (`/.well-known/meta.json` lists them).
    """
    return Redirects(
        senders=frozenset({Origin.of(settings.hf_endpoint), *_PUBLIC}),
        domains=_DOMAINS,
        origins=frozenset(map(Origin.of, settings.hub_downloads)),
    )


def waiting(context: SkillContext) -> OnWait:
    """Return what tells the person that the hub asks to wait."""
    return lambda seconds: context.status(say("skills.hub_waits", count=math.ceil(seconds)))


def bucket_of(url: str, hubs: Collection[Origin], sites: Collection[Origin] = ()) -> Hashable | None:
    """Return the limit that a request to the hub counts for: pages, API, or all with `/resolve/` in the path.

    A model site of `sites` has one limit for everything.

    Source: https://huggingface.co/docs/hub/rate-limits.
    """
    origin = Origin.of(url)
    if origin not in hubs and origin not in sites:
        return None
    path = urlsplit(url).path
    on_hub = "api" if path.startswith("/api/") else "resolvers" if "/resolve/" in path else "pages"
    kind = "all" if origin in sites else on_hub
    return f"{origin.scheme}://{origin.host}:{origin.port} {kind}"
