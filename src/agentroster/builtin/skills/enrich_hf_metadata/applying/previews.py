"""Fetches the preview of a model from where its card points, and writes it beside the file."""

import asyncio
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

from agentroster.builtin.skills.enrich_hf_metadata.applying.picture_cache import PictureCache
from agentroster.errors import RosterError, ToolFailed, Unreachable
from agentroster.library.library import ModelFile
from agentroster.messages import say
from agentroster.net.egress import Origin
from agentroster.skills.context import SkillContext
from agentroster.skills.hub import waiting

_MAX_BYTES, _SECONDS = 20_000_000, 30.0
_PUBLIC_HUB = frozenset({Origin("https", "huggingface.co", 443), Origin("https", "hf.co", 443)})

_IMAGE_TYPE = re.compile(r"image/|video/(?:mp4|webm)\b|(?:application|binary)/octet-stream\b|\s*$", re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What became of a preview: the file that was written, or why there is none."""

    path: Path | None = None
    kept: str = ""
    missing: str = ""


async def make_preview(
    context: SkillContext,
    model: ModelFile,
    pictures: PictureCache,
    url: str | None,
    why_none: str = "",
    embedded: bytes = b"",
) -> Preview:
    """Write the preview of a model that has none; never raises, because the other fields must not suffer.

    `embedded` is the picture within the file, for when there is no address; `why_none` is the reason for having none,
    when it is not that the card shows no picture.
    """
    try:
        return await _make(context, model, pictures, url or embedded, why_none or say("enrich.no_picture_shown"))
    except RosterError as error:
        return Preview(missing=error.message.rstrip("."))
    except Exception:
        logger.exception("a preview failed")
        return Preview(missing=say("skills.item_failed"))


async def _make(
    context: SkillContext, model: ModelFile, pictures: PictureCache, picture: str | bytes, why_none: str
) -> Preview:
    sidecar = await asyncio.to_thread(context.sidecars.read, model)
    if sidecar and sidecar.get("preview_url") not in (None, ""):
        return Preview(kept=say("skills.already_set"))
    if await asyncio.to_thread(context.previews.existing, model) is not None:
        return Preview(kept=say("enrich.preview_file_there"))
    if not picture:
        return Preview(missing=why_none)
    context.previews.require_permission()
    image = picture if isinstance(picture, bytes) else await pictures.get(picture)
    return Preview(path=await asyncio.to_thread(context.previews.write, model, image))


async def download(context: SkillContext, url: str) -> bytes:
    """Fetch a picture. Raises a RosterError in words."""
    fetched = await context.http.get(
        _at_hub(url, context.hub_endpoint), max_bytes=_MAX_BYTES, seconds=_SECONDS, on_wait=waiting(context)
    )
    if fetched.status != 200:  # noqa: PLR2004
        raise Unreachable(say("enrich.picture_unreachable", status=fetched.status))
    # Downloads often come as bytes of no type; what they are is seen when the picture is drawn anew.
    if not _IMAGE_TYPE.match(fetched.headers.get("content-type", "")):
        raise ToolFailed(say("enrich.not_a_picture"))
    return fetched.body


def _at_hub(url: str, endpoint: str) -> str:
    """Return the address to fetch: what is on the public hub comes from the operator's own endpoint."""
    return f"{endpoint}{httpx.URL(url).raw_path.decode()}" if Origin.of(url) in _PUBLIC_HUB else url
