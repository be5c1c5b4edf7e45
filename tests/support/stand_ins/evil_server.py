"""Stands in for a server of an attacker."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.stand_ins.github import SeenRequest, seen

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


class EvilServer:
    """Belongs to the attacker: remembers whatever arrives, and sends it on where `redirect_to` says."""

    def __init__(self) -> None:
        self.reset()
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        self.app = Starlette(routes=[Route("/{rest:path}", self._take, methods=methods)])

    def reset(self) -> None:
        self.requests: list[SeenRequest] = []
        self.redirect_to = ""

    async def _take(self, request: Request) -> Response:
        self.requests.append(await seen(request))
        return RedirectResponse(self.redirect_to) if self.redirect_to else PlainTextResponse("Thank you!")
