"""Chooses the picture for a file: the first still one that its card shows for it, as an address on the hub."""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from urllib.parse import SplitResult, quote, unquote, urlsplit

from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import outside_fences
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.json_values import as_object, is_list, is_object

HOSTS = frozenset({"huggingface.co", "cdn-uploads.huggingface.co", "cdn-lfs.hf.co", "cdn-lfs.huggingface.co", "hf.co"})
_HUB_HOSTS = frozenset({"huggingface.co", "hf.co"})
_STILL = (".png", ".jpg", ".jpeg", ".webp")
_ANIMATED = (".gif",)
# Pictures about the page and not of the model; whole names only, since "iconic" is a picture.
_DECORATION = re.compile(
    r"(?:(?:hf|huggingface|site|project|company|team|github|discord|patreon|civitai)[\s_-]?)?"
    r"(?:badge|logo|icon|favicon|banner|button|kofi|ko-fi|patreon|discord|paypal|github|twitter|license|avatar)s?"
    r"(?:[\s_-]?(?:light|dark|white|black|small|large|\d{1,4}))*",
    re.IGNORECASE,
)
_IMAGE = re.compile(
    r"!\[([^\[\]\n]{0,500})\]"
    r"(?:\(\s{0,3}(?:<([^<>\n]{1,800})>|([^\s()<>]{1,800}(?:\([^\s()]{0,100}\)[^\s()<>]{0,200})?))"
    r"(?:\s{1,3}(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'|\([^()\n]{0,300}\)))?\s{0,3}\)|(?:\[([^\[\]\n]{0,100})\])?)"
)
_HUB_FILE = re.compile(r"/[\w.-]+/[\w.-]+/(?:resolve|blob|raw)/[^/]+/.", re.ASCII).match
_UNSAFE = re.compile(r"[\x00-\x1f\\]|(?:^|/)\.\.(?:/|$)")
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]\n]{1,100})\]:[ \t]{0,5}<?([^\s<>]{1,800})", re.MULTILINE)


def choose_preview(source: Source) -> str | None:
    """Return the address of the file's preview, or None where the card shows none for this file."""
    animated: str | None = None
    for reference in _candidates(source):
        address = resolve(reference, source.repo, source.revision, source.folder)
        suffix = _suffix(address) if address else ""
        if address and suffix in _ANIMATED:
            animated = animated or address
        elif address and (suffix in _STILL or (not suffix and "://" in reference)):
            return address
    return animated


def resolve(reference: str, repo: str, revision: str = "main", folder: str = "") -> str | None:
    """Return the absolute address of a picture that a card refers to; None for what must not be fetched.

    `folder` is where in the repository the card stands.
    """
    text = unescape(reference).strip()
    if not text or any(char < " " or char in '\\<>"' for char in text):
        return None
    try:
        parts = urlsplit(f"https:{text}" if text.startswith("//") else text)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        return _absolute(parts, host)
    if text.startswith("/"):
        # From the root of the hub: the address of a file in some repository, or nothing we know.
        return _absolute(urlsplit(f"https://huggingface.co{text}"), "huggingface.co") if _HUB_FILE(text) else None
    path = _encoded(re.split(r"[?#]", text, maxsplit=1)[0])
    path = f"{quote(folder)}/{path}" if folder and path else path
    return f"https://huggingface.co/{repo}/resolve/{quote(revision, safe='')}/{path}" if path else None


def _absolute(parts: SplitResult, host: str) -> str | None:
    if parts.scheme not in {"http", "https"} or host not in HOSTS or parts.netloc.lower() != host:
        return None
    path = _encoded(parts.path.lstrip("/"))
    if path is None:
        return None
    if host in _HUB_HOSTS:
        path = re.sub(r"^([^/]+/[^/]+)/(?:blob|raw)/", r"\1/resolve/", path)
        return f"https://{host}/{path}"
    return f"https://{host}/{path}" + (f"?{parts.query}" if parts.query else "")


def _encoded(path: str) -> str | None:
    """Return the path with each segment percent-encoded once; None when it is empty or leads upwards."""
    segments = [unquote(segment) for segment in path.removeprefix("./").split("/")]
    if not all(segments) or any(set(segment) <= {"."} or _UNSAFE.search(segment) for segment in segments):
        return None
    return "/".join(quote(segment, safe="") for segment in segments)


def _suffix(address: str) -> str:
    match = re.search(r"\.\w{1,5}$", urlsplit(address).path)
    return match[0].lower() if match else ""


def _candidates(source: Source) -> Iterator[str]:
    """Yield what the card shows for the file; of a shared card only the file's own part."""
    definitions = {name.strip().lower(): target for name, target in _DEFINITION.findall(source.markup)}
    if source.is_collection:
        for part in source.parts:
            yield from _images(part.text, definitions)
        return
    yield from _widget_outputs(source.card.front.get("widget"))
    yield from _images(source.markup, definitions)
    yield from source.card.strings("thumbnail")


def _images(text: str, definitions: Mapping[str, str]) -> Iterator[str]:
    for alt, bracketed, bare, name in _IMAGE.findall(outside_fences(text)):
        target = bracketed or bare or definitions.get((name or alt).strip().lower(), "")
        stem = unquote(target).rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if target and not _DECORATION.fullmatch(alt.strip()) and not _DECORATION.fullmatch(stem):
            yield target


def _widget_outputs(widget: object) -> Iterator[str]:
    """Yield the pictures of the widget's examples: a list or a single example, in the forms of several years."""
    for example in widget if is_list(widget) else [widget]:
        if is_object(example):
            output = example.get("output")
            for holder in (as_object(output), example):
                yield from (value for key in ("url", "src") if isinstance(value := holder.get(key), str))
            if isinstance(output, str):
                yield output
