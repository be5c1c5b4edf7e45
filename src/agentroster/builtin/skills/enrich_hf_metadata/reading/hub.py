"""HuggingFace addresses, and fetching what a repository says about itself."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from agentroster.builtin.skills.enrich_hf_metadata.reading.encoding import decoded
from agentroster.errors import NotFound, RosterError, Unreachable
from agentroster.json_values import as_list, as_object, is_list
from agentroster.library.walk import is_model_name
from agentroster.messages import say
from agentroster.net.egress import Egress, Fetched
from agentroster.net.kept_answers import KeptAnswers
from agentroster.net.rate_limits import OnWait

_SEGMENT = re.compile(r"[\w.-]+", re.ASCII)
_KINDS = frozenset({"tree", "blob", "resolve", "raw", "commit"})
_NOT_MODELS = frozenset({"datasets", "spaces", "docs", "papers", "collections", "api", "blog", "organizations"})
_README = "README.md"
_MAX_CARD_BYTES, _MAX_FACTS_BYTES = 2_000_000, 8_000_000
# What a wall of a network, a broken mirror or a pointer to a large file sends in place of a card.
_NO_CARD = re.compile(
    r"\s{0,100}(?:<!--.{0,500}?-->\s{0,100})?(?:<!doctype\b|<html\b|<head\b|<\?xml\b|\{\s{0,9}\"|\[\s{0,9}[{\[])"
    r"|version https://git-lfs\.github\.com/spec/",
    re.IGNORECASE | re.DOTALL,
)


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
    files: tuple[str, ...] = ()

    def folder_of(self, file: str) -> str:
        """Return the folder of a file that has a card of its own; empty where it has none, or nobody knows which it is.

        `file` is a path in the repository, or a name alone.
        """
        paths = [path for path in self.files if file and (path == file or path.rsplit("/", 1)[-1] == file)]
        folder = paths[0].rpartition("/")[0] if len(paths) == 1 else ""
        return folder if folder and f"{folder}/{_README}" in self.files else ""

    def within(self, folder: str) -> "RepositoryFacts":
        """Return the same facts with the files of one folder only."""
        files = tuple(path for path in self.files if path.startswith(f"{folder}/"))
        return replace(self, files=files, weight_files=weight_files(files))


@dataclass(frozen=True, slots=True)
class _Known:
    """What an earlier run was told of a repository: its card by an ETag, and the facts of a commit."""

    etag: str = ""
    card: str = ""
    commit: str = ""
    facts: RepositoryFacts | None = None

    @classmethod
    def of(cls, kept: Mapping[str, object]) -> "_Known":
        """Read what was kept; nothing is known by what is not as it was written."""
        etag, card, commit = (kept.get(name) for name in ("etag", "card", "commit"))
        if not (isinstance(etag, str) and isinstance(card, str) and isinstance(commit, str)):
            return cls()
        lists = [kept.get(name) for name in ("tags", "files")]
        if not all(is_list(found) and all(isinstance(item, str) for item in found) for found in lists):
            return cls()
        tags, files = (tuple(map(str, as_list(found))) for found in lists)
        # They are read anew: what counts as weights may be more by now.
        return cls(etag, card, commit, RepositoryFacts(tags, weight_files(files), files=files))

    def to_json(self) -> Mapping[str, object]:
        """Return what is kept."""
        facts = self.facts or RepositoryFacts()
        return {"etag": self.etag, "card": self.card, "commit": self.commit, "tags": facts.tags, "files": facts.files}


class Hub:
    """Fetches cards; every failure is a sentence for the person who asked."""

    def __init__(
        self, http: Egress, endpoint: str, on_wait: OnWait | None = None, kept: KeptAnswers | None = None
    ) -> None:
        """`on_wait` is told the seconds of each wait that the hub asks for; `kept` has the answers of earlier runs."""
        self._http = http
        self._kept = kept or KeptAnswers()
        self._on_wait = on_wait
        self._base = endpoint.rstrip("/")

    async def repository(self, ref: HubRef) -> tuple[str | None, RepositoryFacts]:
        """Return the text of the model card, and tags and weight files of the repository at this revision.

        The text is None where only folders have cards.

        What an earlier run was told is asked again only where the repository has changed since. Raises NotFound or
        Unreachable, saying why there is no card; where the files are not known the facts say so.
        """
        name = f"{self._base} {ref.repo} {ref.revision}"
        known = _Known.of(await asyncio.to_thread(self._kept.read, name))
        fetched = await self._card(ref, ref.revision or "main", known.etag)
        if fetched.status == 404 and not ref.revision and _code(fetched) == "RevisionNotFound":  # noqa: PLR2004
            fetched = await self._card(ref, "master", known.etag)
        if _code(fetched) == "EntryNotFound":
            # Mirrors have a card in the folder of each model, and perhaps none for all.
            facts, _ = await self._facts(ref)
            if any(file.endswith(f"/{_README}") for file in facts.files):
                return None, facts
        text, etag = self._text_of(ref, fetched, known)
        commit = fetched.headers.get("x-repo-commit", "")
        if known.facts is not None and commit and commit == known.commit:
            if text != known.card:
                await asyncio.to_thread(self._kept.write, name, replace(known, etag=etag, card=text).to_json())
            return text, known.facts
        facts, commit = await self._facts(ref)
        if commit and etag and not facts.unknown:
            await asyncio.to_thread(self._kept.write, name, _Known(etag, text, commit, facts).to_json())
        return text, facts

    async def folder_card(self, ref: HubRef, folder: str) -> str:
        """Return the text of the card in a folder of the repository. Raises NotFound or Unreachable."""
        name = f"{self._base} {ref.repo} {ref.revision} {folder}/"
        known = _Known.of(await asyncio.to_thread(self._kept.read, name))
        fetched = await self._card(ref, ref.revision or "main", known.etag, f"{folder}/")
        text, etag = self._text_of(ref, fetched, known)
        if etag and etag != known.etag:
            await asyncio.to_thread(self._kept.write, name, _Known(etag, text).to_json())
        return text

    @staticmethod
    def _text_of(ref: HubRef, fetched: Fetched, known: "_Known") -> tuple[str, str]:
        """Return the text of a card and its ETag, also where the answer is that it has not changed."""
        if fetched.status == 304 and known.etag:  # noqa: PLR2004
            return known.card, known.etag
        if fetched.status != 200:  # noqa: PLR2004
            raise _refusal(ref, fetched)
        return _card_in(fetched.body), fetched.headers.get("etag", "")

    async def _facts(self, ref: HubRef) -> tuple[RepositoryFacts, str]:
        """Return the facts and the commit they are of; never raises, but says what is unknown."""
        revision = f"/revision/{quote(ref.revision, safe='')}" if ref.revision else ""
        try:
            fetched = await self._get(f"api/models/{ref.repo}{revision}", _MAX_FACTS_BYTES)
        except RosterError as error:
            reason = error.message.rstrip(".")
        else:
            if fetched.status == 200 and (found := _facts_in(fetched.body)):  # noqa: PLR2004
                return found
            reason = say("enrich.api_status", status=fetched.status)
        return RepositoryFacts(unknown=say("enrich.files_unknown", repo=ref.repo, reason=reason)), ""

    async def _card(self, ref: HubRef, revision: str, etag: str, folder: str = "") -> Fetched:
        # By `/resolve/`, of which the hub allows thirty times as many as of pages. Only the beginning is read.
        path = f"{ref.repo}/resolve/{quote(revision, safe='')}/{quote(folder)}{_README}"
        return await self._get(path, _MAX_CARD_BYTES, truncate=True, etag=etag)

    async def _get(self, path: str, max_bytes: int, *, truncate: bool = False, etag: str = "") -> Fetched:
        url = f"{self._base}/{path}"
        return await self._http.get(url, max_bytes=max_bytes, truncate=truncate, on_wait=self._on_wait, etag=etag)


def _facts_in(body: bytes) -> tuple[RepositoryFacts, str] | None:
    """Read an answer of the API, and its commit; None for one that does not name every file."""
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
    commit = data.get("sha")
    return RepositoryFacts(tags, weight_files(files), files=tuple(files)), commit if isinstance(commit, str) else ""


def _card_in(body: bytes) -> str:
    """Return the text of a card. Raises Unreachable for what is none, such as a page that asks to sign in."""
    if is_cut := len(body) >= _MAX_CARD_BYTES:
        # The last line might end in the middle of a word, or of a letter.
        body = body[: body.rfind(b"\n") + 1] or body
    text = decoded(body)
    if "\0" in text or _NO_CARD.match(text):
        raise Unreachable(say("enrich.not_a_card"))
    return text.rpartition("\n")[0] if is_cut else text


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
        case (_, 429) if wait.isdecimal():
            error = Unreachable(say("enrich.slow_down_for", count=int(wait)))
        case (_, 429):
            error = Unreachable(say("enrich.slow_down"))
        case (_, status):
            error = Unreachable(say("enrich.hub_status", status=status))
    return error
