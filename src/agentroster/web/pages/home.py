"""`/`: what a browser shows of the proxy: how to connect, and where the key is; never a key."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentroster.agents.spec import AgentSpec
from agentroster.errors import NotFound
from agentroster.messages import say
from agentroster.web.error_forms import error_response
from agentroster.web.pages.languages import negotiated
from agentroster.web.pages.render import page

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "via", "x-real-ip")


class HomePage:
    """The page. It names agents only on a machine of one's own, to a browser that is there: nobody has shown a key."""

    def __init__(self, address: str, host: str, agents: Callable[[], Sequence[AgentSpec]]) -> None:
        """`address` is where browsers reach the proxy, `host` what it listens on."""
        self._address = address
        self._is_local = host in _LOOPBACK and (urlsplit(address).hostname or "") in _LOOPBACK
        self._agents = agents

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/", self._open, methods=["GET"])]

    async def _open(self, request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            # Programs look for an API here; it begins at /v1.
            return error_response(NotFound(say("web.nothing_at_root", method=request.method)))
        text = negotiated(request.headers.get("accept-language", ""))
        agents = self._agents() if self._is_local and _is_from_here(request) else ()
        return page("home", text, address=self._address, agents=agents)


def _is_from_here(request: Request) -> bool:
    """Whether a browser of this machine asks by a name of this machine, and not through a server in front.

    A name that somebody else's DNS leads here (rebinding) is none of this machine.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    peer = request.client.host if request.client else ""
    return host in _LOOPBACK and peer in _LOOPBACK and not any(name in request.headers for name in _FORWARDED)
