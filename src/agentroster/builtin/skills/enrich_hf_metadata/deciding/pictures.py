"""Chooses the picture, or the video, for a file: the first that its card shows for it, as an address on the hub."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import SplitResult, quote, unquote, urlsplit

from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import outside_fences
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.json_values import as_object, is_list, is_object

HOSTS = frozenset({"huggingface.co", "cdn-uploads.huggingface.co", "cdn-lfs.hf.co", "cdn-lfs.huggingface.co", "hf.co"})
_HUB_HOSTS = frozenset({"huggingface.co", "hf.co"})
_STILL = (".png", ".jpg", ".jpeg", ".webp")
_ANIMATED = (".gif",)
_VIDEOS = (".mp4", ".webm")
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
# A player of HTML; what else is within it is not read.
_PLAYER = re.compile(
    r"<(?:video|source)\s[^<>]{0,300}?\bsrc\s?=\s?[\"']?([^\s\"'<>]{1,800}\.(?:mp4|webm))\b", re.IGNORECASE
)
_HUB_FILE = re.compile(r"/[\w.-]+/[\w.-]+/(?:resolve|blob|raw)/[^/]+/.", re.ASCII).match
_UNSAFE = re.compile(r"[\x00-\x1f\\]|(?:^|/)\.\.(?:/|$)")
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]\n]{1,100})\]:[ \t]{0,5}<?([^\s<>]{1,800})", re.MULTILINE)


# What an editing model was given, by the text or the name of a picture: shown only where nothing else is.
_GIVEN = (
    r"(?:before|inputs?|in|control|source|src|original|orig|reference|ref|condition(?:ing)?|canny|depth|mask|vorher|avant|antes|"
    r"entrada|до|исходник|原图|原圖|输入|輸入|入力|元画像|元|원본|입력)"
)
_GIVEN_TEXT = re.compile(rf"\W*{_GIVEN}(?:\W*\d*)(?:\W*(?:image|picture|photo|bild|图|圖|画像))?\W*", re.IGNORECASE)
_GIVEN_NAME = re.compile(
    rf"(?!.*(?:after|out|result|nachher|apr[eè]s|compar|vs))(?:(?:.*[_\W])?{_GIVEN}[_\W]?\d*|{_GIVEN}[_\W]\w*)",
    re.IGNORECASE,
)


def choose_preview(source: Source) -> str | None:
    """Return the address of the file's picture, or None where the card shows none for this file.

    A still picture goes before an animated one, and what the model makes before what it was given.
    """
    animated: str | None = None
    for address, suffix, reference in _addresses(source):
        if suffix in _ANIMATED:
            animated = animated or address
        elif suffix in _STILL or (not suffix and "://" in reference):
            return address
    return animated


def choose_video(source: Source) -> str | None:
    """Return the address of the first video that the card shows for the file: for models without a picture."""
    return next((address for address, suffix, _ in _addresses(source) if suffix in _VIDEOS), None)


def _addresses(source: Source) -> Iterator[tuple[str, str, str]]:
    """Yield each address that may be fetched, with its ending and what the card calls it."""
    for picture in sorted(_candidates(source), key=_is_given):
        if address := resolve(picture.target, source.repo, source.revision, source.folder):
            yield address, _suffix(address), picture.target


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


def _is_given(picture: "_Shown") -> bool:
    stem = unquote(picture.target).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return bool(_GIVEN_TEXT.fullmatch(picture.text) or _GIVEN_NAME.fullmatch(stem))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture that a card shows, and the text that belongs to it."""

    target: str
    text: str = ""


def _candidates(source: Source) -> Iterator[_Shown]:
    """Yield what the card shows for the file; of a shared card only the file's own part."""
    definitions = {name.strip().lower(): target for name, target in _DEFINITION.findall(source.markup)}
    if source.is_collection:
        for part in source.parts:
            yield from _images(part.text, definitions)
        return
    yield from _widget_outputs(source.card.front.get("widget"))
    yield from _images(source.markup, definitions)
    yield from map(_Shown, source.card.strings("thumbnail"))
    yield from map(_Shown, _PLAYER.findall(source.card.body))


def _images(text: str, definitions: Mapping[str, str]) -> Iterator[_Shown]:
    for alt, bracketed, bare, name in _IMAGE.findall(outside_fences(text)):
        target = bracketed or bare or definitions.get((name or alt).strip().lower(), "")
        stem = unquote(target).rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if target and not _DECORATION.fullmatch(alt.strip()) and not _DECORATION.fullmatch(stem):
            yield _Shown(target, alt)


def _widget_outputs(widget: object) -> Iterator[_Shown]:
    """Yield the pictures of the widget's examples: a list or a single example, in the forms of several years."""
    for example in widget if is_list(widget) else [widget]:
        if is_object(example):
            output = example.get("output")
            for holder in (as_object(output), example):
                yield from (_Shown(value) for key in ("url", "src") if isinstance(value := holder.get(key), str))
            if isinstance(output, str):
                yield _Shown(output)
