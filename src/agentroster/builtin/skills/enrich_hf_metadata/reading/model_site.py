"""Asks a model site what it knows of files by their SHA-256, where the operator allows it.

`GET /api/v1/model-versions/by-hash/HASH` answers one version, `POST /api/v1/model-versions/by-hash` a list of them for
a list of at most 100 hashes; 404 is "unknown". Source: https://developer.civitai.com/site/reference/model-versions.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from agentroster.errors import RosterError, Unreachable
from agentroster.json_values import as_list, as_object, is_list
from agentroster.library.digests import digest_of, noted_digest
from agentroster.library.library import ModelFile
from agentroster.library.peers import Peer, peer_of_version
from agentroster.library.sidecar import Sidecar
from agentroster.messages import say
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.egress import Egress
from agentroster.net.rate_limits import OnWait
from agentroster.skills.context import SkillContext
from agentroster.skills.filling import in_stoppable_thread

_PATH = "/api/v1/model-versions/by-hash"
_MAX_BYTES, _MAX_BATCH_BYTES, _MAX_BATCH = 4_000_000, 32_000_000, 100
_OK, _UNKNOWN = 200, 404


class ModelSite:
    """Keeps what the site said during one run; `is_allowed` is false where the operator named no site."""

    def __init__(self, http: Egress, address: str, on_wait: OnWait | None = None) -> None:
        """`on_wait` is told the seconds of each wait that the site asks for."""
        self._http = http
        self._base = address.rstrip("/")
        self._on_wait = on_wait
        self._known: dict[str, Peer | None] = {}
        self._fetching = ConcurrencyLimiter(1)

    @property
    def is_allowed(self) -> bool:
        """Whether there is a site to ask."""
        return bool(self._base)

    async def find(self, digest: str) -> Peer | None:
        """Return what the site says of the file with this digest; None for one that it does not know.

        Raises Unreachable in words.
        """
        async with self._fetching.taken(digest):
            if digest not in self._known:
                url = f"{self._base}{_PATH}/{digest.upper()}"
                fetched = await self._http.get(url, max_bytes=_MAX_BYTES, on_wait=self._on_wait)
                if fetched.status not in {_OK, _UNKNOWN}:
                    raise Unreachable(say("enrich.site_status", host=self._host, status=fetched.status))
                version = _parsed(fetched.body) if fetched.status == _OK else None
                self._known[digest] = self._peer(digest, version)
        return self._known[digest]

    async def ask_for_all(self, digests: Sequence[str]) -> None:
        """Ask for many files at once; of those for which that fails each is asked for by itself later."""
        for start in range(0, len(digests), _MAX_BATCH):
            batch = list(digests[start : start + _MAX_BATCH])
            try:
                fetched = await self._http.request(
                    "POST",
                    f"{self._base}{_PATH}",
                    headers={"content-type": "application/json"},
                    content=json.dumps([digest.upper() for digest in batch]).encode(),
                    max_bytes=_MAX_BATCH_BYTES,
                )
            except RosterError:
                return
            versions = _parsed(fetched.body) if fetched.status == _OK else None
            if not is_list(versions):
                return
            self._known |= {digest: self._among(digest, versions) for digest in batch}

    def _among(self, digest: str, versions: Sequence[object]) -> Peer | None:
        found = (self._peer(digest, version) for version in versions)
        return next(filter(None, found), None)

    def _peer(self, digest: str, version: object) -> Peer | None:
        """Return what a version says, if this very file is one of its files."""
        stated = as_object(version)
        hashes = (as_object(as_object(file).get("hashes")).get("SHA256") for file in as_list(stated.get("files")))
        is_of_it = any(isinstance(found, str) and found.lower() == digest for found in hashes)
        return peer_of_version(self._host, stated) if is_of_it else None

    @property
    def _host(self) -> str:
        return urlsplit(self._base).hostname or ""


async def noted_digests(context: SkillContext, models: Iterable[ModelFile]) -> list[str]:
    """Return the digests of those models that lack something, where a scanner noted them."""

    def noted(model: ModelFile) -> str:
        try:
            sidecar = context.sidecars.read(model)
            return noted_digest(model.path, sidecar) if is_wanting(sidecar) else ""
        except (RosterError, OSError):
            # It is told when it is this model's turn.
            return ""

    return await asyncio.to_thread(lambda: list(dict.fromkeys(filter(None, map(noted, models)))))


async def said_of(site: ModelSite, model: ModelFile, sidecar: Sidecar | None) -> tuple[Peer | None, str]:
    """Return what the site says of a model that lacks something, and what went wrong in words; nothing is raised."""
    if not site.is_allowed or not is_wanting(sidecar):
        return None, ""
    try:
        digest = await in_stoppable_thread(digest_of, model.path, sidecar)
        return (await site.find(digest) if digest else None), ""
    except RosterError as error:
        return None, error.message.rstrip(".")
    except OSError as error:
        return None, say("library.model_unreadable", reason=error.strerror)


def is_wanting(sidecar: Sidecar | None) -> bool:
    """Whether a sidecar lacks what the site may know: nobody is asked about what is complete."""
    noted: Mapping[str, object] = sidecar or {}
    site = as_object(noted.get("civitai"))
    has_base = noted.get("base_model") not in (None, "", "Unknown")
    is_checkpoint = noted.get("model_type") in {"checkpoint", "diffusion_model"}
    return not (has_base and (site.get("trainedWords") or is_checkpoint) and noted.get("modelDescription"))


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
