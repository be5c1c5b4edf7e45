"""A stand-in for the HuggingFace Hub: model cards, pictures and facts of the repositories that a test puts in.

Source: the Hub API documentation and `X-Error-Code` of its answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

HUB = "https://huggingface.co"
_FACTS = ("api", "models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository: its card, the files beside it, pictures by name as PNG; a gated one is refused to everybody."""

    card: str | None = None
    tags: Sequence[str] = ()
    files: Sequence[str] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    gated: bool = False


class Hub:
    """Answers requests to the hub; `paths` has those it got."""

    def __init__(self, repositories: Mapping[str, Repository] | None = None) -> None:
        """`repositories` are by full name, such as `anna/ink`."""
        self.repositories = dict(repositories or {})
        self.paths: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.paths.append(request.url.path)
        parts = request.url.path.strip("/").split("/")
        is_facts = tuple(parts[:2]) == _FACTS
        name = "/".join(parts[2:4] if is_facts else parts[:2])
        repository = self.repositories.get(name)
        if repository is None or repository.gated:
            return _refusal(401, "RepoNotFound" if repository is None else "GatedRepo")
        if is_facts:
            siblings = [{"rfilename": file} for file in ("README.md", *repository.files)]
            return httpx.Response(200, json={"id": name, "tags": [*repository.tags], "siblings": siblings})
        return _file(repository, parts[2:])


def _file(repository: Repository, parts: Sequence[str]) -> httpx.Response:
    match parts:
        case ["raw" | "resolve", "main", "README.md"] if repository.card is not None:
            return httpx.Response(200, text=repository.card)
        case ["resolve", "main", *rest] if (picture := repository.pictures.get("/".join(rest))) is not None:
            return httpx.Response(200, content=picture, headers={"content-type": "image/png"})
        case ["raw" | "resolve", "main", *_]:
            return _refusal(404, "EntryNotFound")
        case _:
            return _refusal(404, "RevisionNotFound")


def _refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, headers={"x-error-code": code}, json={"error": code})
