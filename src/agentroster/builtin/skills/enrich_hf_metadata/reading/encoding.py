"""Decodes a card: UTF-8, what its mark of byte order says, or a code page of Windows that all its letters fit."""

import codecs
import re

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# At the end the first bytes of a letter may stand, where a card was cut.
_HIGH = re.compile(rb"[\x80-\xff](?!\Z|[\x80-\xbf]{1,2}\Z)")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]+")
_CYRILLIC_WORD = re.compile(r"[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+")
# What is no letter of ASCII and no usual mark; and of it what stands beside letters of ASCII.
_WESTERN = re.compile(r"[^\x00-\x7f–—“”„‘’‚…•€°«»·©™]")
_WITHIN_WORDS = re.compile(r"(?<=[A-Za-z])[À-ÿœŒšŠžŽŸ]+|[À-ÿœŒšŠžŽŸ]+(?=[A-Za-z])")
_MOST, _MOST_WITHIN, _MOST_IN_A_ROW = 0.9, 0.7, 2


def decoded(body: bytes) -> str:
    """Return the text of a card; bytes that are no text are replaced."""
    encoding = next((name for mark, name in _MARKS.items() if body.startswith(mark)), "utf-8")
    if encoding == "utf-8" and _HIGH.search(body) and not _UTF8_LETTER.search(body):
        encoding = _code_page(body) or encoding
    return body.decode(encoding, errors="replace")


def _code_page(body: bytes) -> str | None:
    """Return the code page in which the letters make words; None where neither is likely."""
    for name, fits in (("cp1251", _is_russian), ("cp1252", _is_western)):
        try:
            if fits(body.decode(name)):
                return name
        except UnicodeDecodeError:
            continue
    return None


def _is_russian(text: str) -> bool:
    words = _CYRILLIC.findall(text)
    fitting = sum(len(word) for word in words if _CYRILLIC_WORD.fullmatch(word))
    # What is a word of one letter here is mostly a letter of another language.
    return bool(words) and fitting >= _MOST * sum(map(len, words)) and fitting > _MOST_IN_A_ROW * len(words)


def _is_western(text: str) -> bool:
    letters = _WESTERN.findall(text)
    return bool(letters) and sum(map(len, _WITHIN_WORDS.findall(text))) >= _MOST_WITHIN * len(letters)
