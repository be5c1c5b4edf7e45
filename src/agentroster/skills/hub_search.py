"""Looks for the repository of a model file on the hub: by the words of its name, and by its SHA256.

The hub knows no search by content: repositories of a like name are asked for their files, each with size and SHA256 of
what is stored. Source: https://huggingface.co/docs/hub/api (`/api/models`, `/api/models/{repo}/tree/{revision}`).
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

from agentroster.errors import Unreachable
from agentroster.json_values import as_list, as_object
from agentroster.messages import say
from agentroster.net.egress import Egress

_MOST = 10
_MAX_BYTES = 8_000_000
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_OK = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A repository on the hub that may be a file's; `is_same` when it holds a file of the same bytes."""

    repo: str
    is_same: bool

    @property
    def address(self) -> str:
        """The public address."""
        return f"https://huggingface.co/{self.repo}"


async def candidates(
    http: Egress, endpoint: str, path: PurePath, size: int, digest: Callable[[], Awaitable[str]]
) -> list[Candidate]:
    """Return repositories that hold this file, or one of its name; those with the same bytes first.

    `digest` computes the file's SHA256, and is called only where a file of this size was found. Raises Unreachable.
    """
    words = " ".join(re.split(r"[\W_]+", path.stem)).strip()
    base = endpoint.rstrip("/")
    found: list[Candidate] = []
    for one in as_list(await _json(http, f"{base}/api/models?search={quote(words)}&limit={_MOST}"))[:_MOST]:
        repo = str(as_object(one).get("id", ""))
        if _REPOSITORY.fullmatch(repo):
            tree = as_list(await _json(http, f"{base}/api/models/{repo}/tree/main?recursive=true"))
            found += await _judged(repo, tree, path.name, size, digest)
    return sorted(found, key=lambda candidate: not candidate.is_same)


async def _judged(
    repo: str, tree: list[object], name: str, size: int, digest: Callable[[], Awaitable[str]]
) -> list[Candidate]:
    files = [as_object(file) for file in tree]
    stored = {str(as_object(file.get("lfs")).get("oid", "")).lower() for file in files if file.get("size") == size}
    if stored - {""} and (await digest()).lower() in stored:
        return [Candidate(repo, is_same=True)]
    is_named = any(PurePath(str(file.get("path", ""))).name.lower() == name.lower() for file in files)
    return [Candidate(repo, is_same=False)] if is_named else []


async def _json(http: Egress, url: str) -> object:
    fetched = await http.get(url, max_bytes=_MAX_BYTES)
    if fetched.status != _OK:
        # A repository that is gated, or went away meanwhile, is no candidate.
        if "/tree/" in url and fetched.status in {401, 403, 404}:
            return []
        raise Unreachable(say("skills.hub_search_failed", status=fetched.status))
    try:
        return json.loads(fetched.body)
    except ValueError as error:
        raise Unreachable(say("skills.hub_search_failed", status="no JSON")) from error
