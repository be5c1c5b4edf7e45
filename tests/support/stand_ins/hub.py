"""A strict stand-in for the HuggingFace Hub: raw files, pictures and repository facts.

Source: the Hub API documentation and `X-Error-Code` of its answers. Repositories are added by a test.
"""

import asyncio
import hashlib
import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
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
    weights: dict[str, bytes] = field(default_factory=dict)
    """Files whose content counts: the tree tells their SHA256."""
    folder_cards: dict[str, str] = field(default_factory=dict)
    """The cards of folders, by their path."""

    @property
    def commit(self) -> str:
        """The commit, which each change makes another one."""
        return digest(self.card, self.files, self.tags, self.files_at, self.folder_cards)


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
        self.cdn = ""
        """Where the pictures are kept, by another name than the hub's; empty for here."""
        self.trouble: Callable[[int, str], Awaitable[Response | None]] | None = None
        """What is wrong with the request of this number, to this path."""
        self.refused: list[str] = []
        """The requests that were one too many."""
        self.at_once = AtOnce()
        self.app = Starlette(
            routes=[
                Route("/{owner}/{name}/raw/{revision}/{file:path}", self.raw),
                Route("/{owner}/{name}/resolve/{revision}/{file:path}", self.resolve),
                Route("/api/models", self.search),
                Route("/api/models/{owner}/{name}/tree/{revision}", self.tree),
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
        self.cdn, self.trouble = "", None
        self.refused.clear()
        self.at_once = AtOnce()

    async def _with_limit(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        if (limit := getattr(request.state, "limit", None)) is not None:
            response.headers.update(limit.headers())
        return response

    async def _refusal(self, request: Request) -> Response | None:
        self.paths.append(request.url.path)
        if (limited := self._limited(request)) is not None:
            return limited
        if self.trouble is not None and (trouble := await self.trouble(len(self.paths), request.url.path)) is not None:
            return trouble
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
        if (response := await self._refusal(request)) is not None:
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
        file = request.path_params["file"]
        card = repository.card if file == "README.md" else repository.folder_cards.get(file)
        if card is None:
            return refusal(404, "EntryNotFound", "Entry not found")
        headers = {"ETag": f'"{digest(card)}"', "X-Repo-Commit": repository.commit}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(None, 304, headers)
        return Response(card, media_type="text/plain", headers=headers)

    async def resolve(self, request: Request) -> Response:
        if request.path_params["file"].rsplit("/", 1)[-1] == "README.md":
            return await self.raw(request)
        if (response := await self._refusal(request)) is not None:
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
        if self.cdn:
            return RedirectResponse(f"{self.cdn}/{self._name(request)}/{file}?X-Amz-Signature=0", 302)
        content, content_type = repository.images[file]
        return Response(content, headers={"content-type": content_type})

    async def facts(self, request: Request) -> Response:
        if (response := await self._refusal(request)) is not None:
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
        readme = [*([] if repository.card is None else ["README.md"]), *repository.folder_cards]
        siblings = [{"rfilename": name} for name in [*readme, *files]]
        return JSONResponse(
            {
                "id": self._name(request), "sha": repository.commit, "tags": repository.tags, "siblings": siblings,
                "gated": repository.gated,
            }
        )  # fmt: skip

    async def search(self, request: Request) -> Response:
        """Find repositories whose name has all words, as the hub does."""
        self.paths.append(request.url.path)
        words = request.query_params.get("search", "").lower().split()
        found = [name for name in self.repositories if all(word in name.lower() for word in words)]
        return JSONResponse([{"id": name} for name in found[: int(request.query_params.get("limit", "30"))]])

    async def tree(self, request: Request) -> Response:
        if (response := await self._refusal(request)) is not None:
            return response
        repository = self.repositories[self._name(request)]
        files = [{"type": "file", "path": name, "size": 0, "oid": digest(name)} for name in repository.files]
        for name, content in repository.weights.items():
            stored = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 135}
            files.append({"type": "file", "path": name, "size": len(content), "oid": digest(name), "lfs": stored})
        return JSONResponse(files)


def digest(*values: object) -> str:
    return hashlib.sha1(repr(values).encode()).hexdigest()


def cdn_of(hub: HubServer, asked: list[str]) -> Starlette:
    """Return the app of the host where a hub keeps its pictures; it must never be shown the hub's token."""

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        if "authorization" in request.headers or not request.url.query.startswith("X-Amz-Signature="):
            return Response("AccessDenied", 403)
        repository = hub.repositories[f"{request.path_params['owner']}/{request.path_params['name']}"]
        return Response(repository.images[request.path_params["file"]][0], media_type="application/octet-stream")

    return Starlette(routes=[Route("/{owner}/{name}/{file:path}", answer)])


def refusal(status: int, code: str, message: str) -> Response:
    headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return JSONResponse({"error": message}, status, headers=headers)
