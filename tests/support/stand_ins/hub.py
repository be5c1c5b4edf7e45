"""A strict stand-in for the HuggingFace Hub: raw files, pictures and repository facts.

Source: the Hub API documentation and `X-Error-Code` of its answers. Repositories are added by a test.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.stand_ins.at_once import AtOnce

TOKEN = "hf_canaryTokenForTests0123456789"


@dataclass
class Repository:
    card: str | bytes | None = None
    tags: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    revisions: tuple[str, ...] = ("main",)
    gated: bool = False
    renamed_to: str = ""
    status: int = 0
    redirect: str = ""
    hold: threading.Event | None = None
    holding: threading.Event = field(default_factory=threading.Event)
    images: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    files_at: dict[str, list[str]] = field(default_factory=dict)
    """The files of revisions that have others."""
    api: Callable[[], Response] | None = None
    """What the API answers instead of the facts; `readme` and `picture` are sent instead of the card and any file."""
    readme: Callable[[], Response] | None = None
    picture: Callable[[], Response] | None = None


@dataclass
class Limit:
    """A window of requests (https://huggingface.co/docs/hub/rate-limits); it begins with the first of them."""

    name: str
    quota: int
    seconds: float
    taken: int = 0
    began: float = 0.0

    def take(self) -> bool:
        if time.monotonic() >= self.began + self.seconds:
            self.began, self.taken = time.monotonic(), 0
        self.taken += 1
        return self.taken <= self.quota

    def headers(self) -> dict[str, str]:
        rest = max(0, round(self.began + self.seconds - time.monotonic()))
        return {
            "RateLimit": f'"{self.name}";r={max(0, self.quota - self.taken)};t={rest}',
            "RateLimit-Policy": f'"fixed window";"{self.name}";q={self.quota};w={math.ceil(self.seconds)}',
        }


class HubServer:
    """Serves what tests put into `repositories`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.paths: list[str] = []
        self.authorizations: list[str | None] = []
        self.limits: dict[str, Limit] = {}
        self.refused: list[str] = []
        """The requests that were one too many."""
        self.at_once = AtOnce()
        self.app = Starlette(
            routes=[
                Route("/{owner}/{name}/raw/{revision}/{file:path}", self.raw),
                Route("/{owner}/{name}/resolve/{revision}/{file:path}", self.resolve),
                Route("/api/models/{owner}/{name}", self.facts),
                Route("/api/models/{owner}/{name}/revision/{revision}", self.facts),
            ],
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=self._with_limit)],
        )

    def reset(self) -> None:
        self.repositories.clear()
        self.paths.clear()
        self.authorizations.clear()
        self.limits.clear()
        self.refused.clear()
        self.at_once = AtOnce()

    async def _with_limit(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        if (limit := getattr(request.state, "limit", None)) is not None:
            response.headers.update(limit.headers())
        return response

    def _refusal(self, request: Request) -> Response | None:
        self.paths.append(request.url.path)
        if (limited := self._limited(request)) is not None:
            return limited
        authorization = request.headers.get("authorization")
        self.authorizations.append(authorization)
        if authorization not in {None, f"Bearer {TOKEN}"}:
            return refusal(401, "", "Invalid credentials in Authorization header")
        repository = self.repositories.get(self._name(request))
        if repository is None:
            return refusal(404 if authorization else 401, "RepoNotFound", "Repository not found")
        if repository.status:
            return Response("trouble", repository.status)
        if repository.gated and not authorization:
            return refusal(401, "GatedRepo", "Access to this model is restricted")
        return None

    def _limited(self, request: Request) -> Response | None:
        """Count a request for its limit; refuse it when the window is empty."""
        path = request.url.path
        limit = self.limits.get("api" if path.startswith("/api/") else "resolvers" if "/resolve/" in path else "pages")
        if limit is None:
            return None
        request.state.limit = limit
        if limit.take():
            return None
        self.refused.append(path)
        return Response("slow down", 429, headers=limit.headers())

    def _name(self, request: Request) -> str:
        return f"{request.path_params['owner']}/{request.path_params['name']}"

    async def raw(self, request: Request) -> Response:
        if (response := self._refusal(request)) is not None:
            return response
        repository = self.repositories[self._name(request)]
        if repository.hold is not None:
            repository.holding.set()
            with self.at_once.counted():
                await asyncio.to_thread(repository.hold.wait, 30)
        if repository.redirect:
            return RedirectResponse(repository.redirect, 302)
        if repository.renamed_to:
            kind = "resolve" if "/resolve/" in request.url.path else "raw"
            path = f"/{repository.renamed_to}/{kind}/{request.path_params['revision']}/{request.path_params['file']}"
            return RedirectResponse(path, 307)
        if request.path_params["revision"] not in repository.revisions:
            return refusal(404, "RevisionNotFound", "Invalid rev id")
        if repository.readme is not None:
            return repository.readme()
        if request.path_params["file"] != "README.md" or repository.card is None:
            return refusal(404, "EntryNotFound", "Entry not found")
        if isinstance(repository.card, bytes):
            return Response(repository.card, media_type="text/plain")
        return PlainTextResponse(repository.card)

    async def resolve(self, request: Request) -> Response:
        if request.path_params["file"] == "README.md":
            return await self.raw(request)
        if (response := self._refusal(request)) is not None:
            return response
        repository = self.repositories[self._name(request)]
        file = request.path_params["file"]
        if request.path_params["revision"] not in repository.revisions:
            return refusal(404, "RevisionNotFound", "Invalid rev id")
        if repository.renamed_to:
            path = f"/{repository.renamed_to}/resolve/{request.path_params['revision']}/{file}"
            return RedirectResponse(path, 307)
        if file in repository.moved:
            return RedirectResponse(repository.moved[file], 302)
        if repository.picture is not None:
            return repository.picture()
        if file not in repository.images:
            return refusal(404, "EntryNotFound", "Entry not found")
        content, content_type = repository.images[file]
        return Response(content, headers={"content-type": content_type})

    async def facts(self, request: Request) -> Response:
        if (response := self._refusal(request)) is not None:
            return response
        repository = self.repositories[self._name(request)]
        if repository.renamed_to:
            rest = request.url.path.removeprefix(f"/api/models/{self._name(request)}")
            return RedirectResponse(f"/api/models/{repository.renamed_to}{rest}", 307)
        if repository.api is not None:
            return repository.api()
        if request.path_params.get("revision", "main") not in repository.revisions:
            return refusal(404, "RevisionNotFound", "Invalid rev id")
        files = repository.files_at.get(request.path_params.get("revision", "main"), repository.files)
        siblings = [{"rfilename": name} for name in ["README.md", *files]]
        return JSONResponse(
            {"id": self._name(request), "tags": repository.tags, "siblings": siblings, "gated": repository.gated}
        )


def refusal(status: int, code: str, message: str) -> Response:
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return JSONResponse({"error": message}, status, headers=headers)
