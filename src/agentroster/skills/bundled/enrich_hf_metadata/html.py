"""Raw HTML in a card: removed for people, read as Markdown for the rules. Every step is linear in the text."""

import re

_HIDDEN = ("style", "script", "svg", "picture", "video", "audio", "iframe", "object")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_NEW_LINES = dict.fromkeys(("br", "p", "li", "tr", "h1", "h2", "h3", "h4"), "\n")
_MARKDOWN = {"b": "**", "strong": "**", "code": "`", "kbd": "`", "td": "|", "th": "|", **_NEW_LINES}
_HEADING = re.compile(r"h[1-4]")


def without_html(text: str) -> str:
    """Return the text without tags, comments, and what stands between hidden tags."""
    return _TAG.sub(" ", _visible(text))


def plain_markup(text: str) -> str:
    """Return the text with its HTML as Markdown: bold, code, headings, and one line for each table row."""
    return _TAG.sub(_as_markdown, _visible(text))


def _as_markdown(match: re.Match[str]) -> str:
    tag = match[0].strip("</>").split(None, 1)[0].rstrip("/").lower()
    if _HEADING.fullmatch(tag) and not match[0].startswith("</"):
        return f"\n{'#' * int(tag[1])} "
    return _MARKDOWN.get(tag, " ")


def _visible(text: str) -> str:
    text = _cut(text, "<!--", "-->")
    for tag in _HIDDEN:
        text = _cut(text, f"<{tag}", f"</{tag}>")
    return text


def _cut(text: str, start: str, end: str) -> str:
    """Remove everything from each `start` to the next `end`; an unfinished one removes only its mark."""
    lower = text.lower()
    kept: list[str] = []
    position = 0
    while (begin := lower.find(start, position)) >= 0:
        kept.append(text[position:begin])
        finish = lower.find(end, begin)
        if finish < 0:
            position = begin + len(start)
            break
        position = finish + len(end)
    return " ".join([*kept, text[position:]])
