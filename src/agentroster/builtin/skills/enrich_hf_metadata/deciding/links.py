"""Makes the links of a card absolute: outside the hub a relative one leads nowhere, or to a page of somebody else."""

import re
from urllib.parse import quote, urljoin, urlsplit

_HUB = "https://huggingface.co"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_KEPT = frozenset({"http", "https", "mailto"})
_UPWARDS = re.compile(r"(?:^|/)(?:\.|%2e){2}(?:/|$)", re.IGNORECASE)


def absolute(link: str, repo: str, revision: str = "main") -> str:
    """Return the address that a link of a repository's card leads to, or an empty text where it leads nowhere.

    Relative to the page it is a file of the repository; without a repository there is none. RFC 3986 section 4.2.
    """
    text = re.sub(r"[\t\n\r]", "", link).strip()
    if not text or "\\" in text or _UPWARDS.search(text):
        return ""
    if scheme := _SCHEME.match(text):
        return text if scheme[1].lower() in _KEPT and _leads_somewhere(text) else ""
    if text.startswith("//"):
        return f"https:{text}" if _leads_somewhere(text) else ""
    return _within(text, repo, revision) if repo else ""


def _within(text: str, repo: str, revision: str) -> str:
    if text.startswith(("#", "?")):
        return f"{_HUB}/{repo}{text}"
    return urljoin(f"{_HUB}/{repo}/blob/{quote(revision, safe='')}/", text)


def _leads_somewhere(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname or (parts.scheme == "mailto" and parts.path))
    except ValueError:
        return False
