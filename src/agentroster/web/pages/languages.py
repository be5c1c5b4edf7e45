"""The ten languages of the pages, and which one a browser asks for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import cast

import yaml

DEFAULT = "en"
LANGUAGES = ("en", "zh-CN", "zh-TW", "ja", "ko", "ru", "de", "fr", "es", "he")
_TRADITIONAL = frozenset({"zh-tw", "zh-hk", "zh-mo", "zh-hant"})
_MAX_WISHES = 20


class Texts:
    """The texts of one language; a test holds that each language has all of them."""

    def __init__(self, code: str, texts: Mapping[str, str]) -> None:
        self.code = code
        self._texts = texts

    def __call__(self, name: str, **values: str) -> str:
        """Return a text with its `{names}` filled in."""
        text = self._texts[name]
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        return text

    def field(self, label: str) -> str:
        """Return how a field of a form is called; another package's label stands for itself."""
        return self._texts.get(f"field_{label}", label)


@cache
def texts(code: str) -> Texts:
    """Return the texts of a language of the list."""
    raw = (files("agentroster.web.pages") / "locales" / f"{code}.yaml").read_text(encoding="utf-8")
    return Texts(code, cast("dict[str, str]", yaml.safe_load(raw)))


def negotiated(header: str) -> Texts:
    """Return the best language for an `Accept-Language` header (RFC 9110 section 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for part in header.split(",")[:_MAX_WISHES]:
        tag, _, rest = part.strip().partition(";")
        wishes.append((_quality(rest), tag.strip().lower()))
    for quality, tag in sorted(wishes, key=lambda wish: -wish[0]):
        code = _known(tag)
        if code and quality > 0:
            return texts(code)
    return texts(DEFAULT)


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


def _known(tag: str) -> str:
    if tag.startswith("zh"):
        return "zh-TW" if any(tag.startswith(one) for one in _TRADITIONAL) else "zh-CN"
    # `iw` is the old code of Hebrew.
    primary = {"iw": "he"}.get(tag.split("-", maxsplit=1)[0], tag.split("-", maxsplit=1)[0])
    return primary if primary in LANGUAGES else ""
