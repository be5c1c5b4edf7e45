"""Removes the raw HTML of a card for people, and turns it into Markdown for the rules, in linear time."""

import re
from html import unescape

_HIDDEN = ("style", "script", "svg", "picture", "video", "audio", "iframe", "object")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_ATTRIBUTE = re.compile(r"([A-Za-z-]{1,20})\s{0,3}=\s{0,3}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LINE = dict.fromkeys(("br", "p", "li", "ul", "ol", "div", "center", "table", "blockquote", "details"), "\n")
_MARKDOWN = {"b": "**", "strong": "**", "code": "`", "kbd": "`", "tt": "`", **_LINE}
# Tags of HTML and of the hub; anything else between angle brackets is text, such as the token <s0>.
_NO_TEXT = frozenset(
    """a abbr article aside big body caption cite col colgroup del em figcaption figure font footer form
    gallery head header hr html i input ins label link main mark meta nav q s samp section small source
    span strike sub sup tbody tfoot thead title track u var wbr button""".split()  # noqa: SIM905 - a list of forty words is read as a text
)
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6, "summary": 6}
_SMALLEST_IMAGE = 40


def without_html(text: str) -> str:
    """Return the text without tags, comments, and what stands between hidden tags."""
    return _TAG.sub(" ", _visible(text))


def plain_markup(text: str) -> str:
    """Return the text with its HTML as Markdown: bold, code, headings, images, tables with a line for each row."""
    text = _visible(text)
    writer = _Writer()
    position = 0
    for match in _TAG.finditer(text):
        writer.text(text[position : match.start()])
        writer.tag(match[0])
        position = match.end()
    writer.text(text[position:])
    return unescape("".join(writer.chunks))


class _Writer:
    """Writes Markdown; knows whether it is within a table row, which must stay on one line."""

    def __init__(self) -> None:
        self.chunks: list[str] = []
        self._in_table = self._in_row = False
        self._heads = self._cells = 0
        self._link = ""
        self._term = False

    def text(self, text: str) -> None:
        if self._in_row:
            self.chunks.append(" ".join(text.splitlines()))
        elif self._term and not text.strip():
            pass
        elif not self._in_table or text.strip():
            self.chunks.append(text)

    def tag(self, tag: str) -> None:
        name = tag.strip("</>").split(None, 1)[0].rstrip("/").lower()
        closing = tag.startswith("</")
        if name in {"tr", "td", "th"}:
            self._table(name, closing=closing)
        elif name == "table":
            self._end_row()
            self._in_table = not closing
            self.chunks.append("\n\n")
        elif name in _HEADINGS:
            self.chunks.append(" " if self._in_row else "\n" if closing else f"\n{'#' * _HEADINGS[name]} ")
        elif name == "img":
            self.chunks.append(_image(tag))
        elif name in {"dt", "dd"}:
            self._definition(name, closing=closing)
        elif name == "a":
            self._anchor(tag, closing=closing)
        elif name in _MARKDOWN:
            self.text(_MARKDOWN[name])
        else:
            self.text(" " if name in _NO_TEXT else tag)

    def _anchor(self, tag: str, *, closing: bool) -> None:
        # The address is kept as text: a link names a file, whatever the words of the link say.
        link = self._link if closing else _attributes(tag).get("href", "")
        self.chunks.append(("](" + link + ")" if link else " ") if closing else "[" if link else " ")
        self._link = "" if closing else link

    def _definition(self, name: str, *, closing: bool) -> None:
        # The term stands before its first description as a label does.
        opens = name == "dd" and not closing and self._term
        self.chunks.append("" if self._in_row else ": " if opens else "" if name == "dt" and closing else "\n")
        self._term = name == "dt" if not opens else False

    def _table(self, name: str, *, closing: bool) -> None:
        if name == "tr":
            self._end_row()
            if not closing:
                self.chunks.append("|")
                self._in_row = True
        elif closing:
            self.chunks.append(" |")
        elif self._in_row:
            self._cells += 1
            self._heads += name == "th"

    def _end_row(self) -> None:
        if self._in_row:
            # A row of nothing but heads names the columns.
            self.chunks.append("\n" + "|---" * self._cells + "|" if self._cells and self._heads == self._cells else "")
            self.chunks.append("\n")
        self._in_row = False
        self._heads = self._cells = 0


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): "".join(values) for name, *values in _ATTRIBUTE.findall(tag)}


def _image(tag: str) -> str:
    given = _attributes(tag)
    sizes = (given.get(key, "").strip().removesuffix("px") for key in ("height", "width"))
    if any(size.isascii() and size.isdigit() and int(size[:6]) <= _SMALLEST_IMAGE for size in sizes):
        return " "
    alt = re.sub(r"[\[\]\n]", " ", given.get("alt", ""))
    source = re.sub(r"[<>\n]", " ", given.get("src", ""))
    return f"![{alt}](<{source}>)" if source.strip() else " "


def _visible(text: str) -> str:
    text = _cut(text, "<!--", "-->")
    for tag in _HIDDEN:
        text = _cut(text, f"<{tag}", f"</{tag}>")
    return text


def _cut(text: str, start: str, end: str) -> str:
    """Remove everything from each `start` to the next `end`; an unfinished one removes only its mark."""
    lower = text.lower()
    if len(lower) != len(text):
        # Some letters become two in lower case: positions would not fit.
        lower = "".join(low if len(low := char.lower()) == 1 else char for char in text)
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
