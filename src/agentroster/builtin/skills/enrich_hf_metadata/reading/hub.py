"""HuggingFace addresses, and fetching what a repository says about itself."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from agentroster.builtin.skills.enrich_hf_metadata.reading.encoding import decoded
from agentroster.errors import NotFound, RosterError, Unreachable
from agentroster.json_values import as_list, as_object, is_list
from agentroster.library.walk import is_model_name
from agentroster.messages import say
from agentroster.net.egress import Egress, Fetched
from agentroster.net.rate_limits import OnWait

_SEGMENT = re.compile(r"[\w.-]+", re.ASCII)
_KINDS = frozenset({"tree", "blob", "resolve", "raw", "commit"})
_NOT_MODELS = frozenset({"datasets", "spaces", "docs", "papers", "collections", "api", "blog", "organizations"})
_MAX_CARD_BYTES, _MAX_FACTS_BYTES = 2_000_000, 8_000_000


@dataclass(frozen=True, slots=True)
class HubRef:
    """A model repository, and perhaps a revision and a file in it."""

    repo: str
    revision: str = ""
    file: str = ""

    @property
    def url(self) -> str:
        """The public address of the repository at this revision."""
        tree = f"/tree/{quote(self.revision, safe='')}" if self.revision else ""
        return f"https://huggingface.co/{self.repo}{tree}"


def parse_url(text: str, endpoint: str) -> HubRef | None:
    """Read the address of a model repository on the public hub or on `endpoint`; None for anything else."""
    try:
        parts = urlsplit(text.strip().rstrip(".,;"))
    except ValueError:
        return None
    hosts = {"huggingface.co", "www.huggingface.co", "hf.co", urlsplit(endpoint).netloc.lower()}
    if parts.scheme not in {"http", "https"} or parts.netloc.lower() not in hosts:
        return None
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if len(segments) < 2 or segments[0] in _NOT_MODELS:  # noqa: PLR2004 - owner and name
        return None
    owner, name, *rest = segments
    if not all(_SEGMENT.fullmatch(part) and set(part) != {"."} for part in (owner, name)):
        return None
    if len(rest) < 2 or rest[0] not in _KINDS:  # noqa: PLR2004 - kind and revision
        return HubRef(f"{owner}/{name}")
    length = 3 if rest[1:3] == ["refs", "pr"] else 1
    return HubRef(f"{owner}/{name}", "/".join(rest[1 : 1 + length]), "/".join(rest[1 + length :]))


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the hub's API adds to the card; `unknown` says why the API named no files, which is not the same as none."""

    tags: tuple[str, ...] = ()
    weight_files: tuple[str, ...] = ()
    unknown: str = ""


class Hub:
    """Fetches cards; every failure is a sentence for the person who asked."""

    def __init__(self, http: Egress, endpoint: str, on_wait: OnWait | None = None) -> None:
        """`on_wait` is told the seconds of each wait that the hub asks for."""
        self._http = http
        self._on_wait = on_wait
        self._base = endpoint.rstrip("/")

    async def card(self, ref: HubRef) -> str:
        """Return the text of the model card. Raises NotFound or Unreachable, saying why there is none."""
        fetched = await self._card(ref, ref.revision or "main")
        if fetched.status == 404 and not ref.revision and _code(fetched) == "RevisionNotFound":  # noqa: PLR2004
            fetched = await self._card(ref, "master")
        if fetched.status != 200:  # noqa: PLR2004
            raise _refusal(ref, fetched)
        return decoded(fetched.body)

    async def facts(self, ref: HubRef) -> RepositoryFacts:
        """Return tags and weight files of the repository at this revision; never raises, but says what is unknown."""
        revision = f"/revision/{quote(ref.revision, safe='')}" if ref.revision else ""
        try:
            fetched = await self._get(f"api/models/{ref.repo}{revision}", _MAX_FACTS_BYTES)
        except RosterError as error:
            return RepositoryFacts(unknown=say("enrich.files_unknown", repo=ref.repo, reason=error.message.rstrip(".")))
        if fetched.status == 200 and (facts := _facts_in(fetched.body)):  # noqa: PLR2004
            return facts
        reason = say("enrich.api_status", status=fetched.status)
        return RepositoryFacts(unknown=say("enrich.files_unknown", repo=ref.repo, reason=reason))

    async def _card(self, ref: HubRef, revision: str) -> Fetched:
        # By `/resolve/`, of which the hub allows thirty times as many as of pages. Only the beginning is read.
        path = f"{ref.repo}/resolve/{quote(revision, safe='')}/README.md"
        return await self._get(path, _MAX_CARD_BYTES, truncate=True)

    async def _get(self, path: str, max_bytes: int, *, truncate: bool = False) -> Fetched:
        url = f"{self._base}/{path}"
        return await self._http.get(url, max_bytes=max_bytes, truncate=truncate, on_wait=self._on_wait)


def _facts_in(body: bytes) -> RepositoryFacts | None:
    """Read an answer of the API; None for one that does not name every file."""
    try:
        data = as_object(json.loads(body))
    # A deeply nested answer is a RecursionError.
    except (ValueError, RecursionError):
        return None
    siblings = data.get("siblings")
    if not is_list(siblings):
        return None
    names = [as_object(entry).get("rfilename") for entry in siblings]
    files = [name for name in names if isinstance(name, str)]
    if len(files) < len(names):
        return None
    tags = tuple(tag for tag in as_list(data.get("tags")) if isinstance(tag, str))
    return RepositoryFacts(tags=tags, weight_files=weight_files(files))


def weight_files(files: Iterable[str]) -> tuple[str, ...]:
    """Return those of a repository's files that hold a model's weights."""
    return tuple(file for file in files if is_model_name(PurePosixPath(file)))


def _code(fetched: Fetched) -> str:
    return fetched.headers.get("x-error-code", "")


def _refusal(ref: HubRef, fetched: Fetched) -> RosterError:
    wait = fetched.headers.get("retry-after", "")
    match _code(fetched), fetched.status:
        case ("GatedRepo", _) | (_, 403):
            error = NotFound(say("enrich.gated", repo=ref.repo))
        case (_, 401):
            error = NotFound(say("enrich.needs_token", repo=ref.repo))
        case ("RevisionNotFound", _):
            error = NotFound(say("enrich.no_revision", repo=ref.repo, revision=ref.revision or "main"))
        case ("EntryNotFound", _):
            error = NotFound(say("enrich.no_card", repo=ref.repo))
        case (_, 404):
            error = NotFound(say("enrich.no_repository", repo=ref.repo))
        case (_, 429) if wait.isdigit():
            error = Unreachable(say("enrich.slow_down_for", seconds=wait))
        case (_, 429):
            error = Unreachable(say("enrich.slow_down"))
        case (_, status):
            error = Unreachable(say("enrich.hub_status", status=status))
    return error
