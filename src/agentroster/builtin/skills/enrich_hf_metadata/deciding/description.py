"""Makes descriptions: the card as safe HTML, and its first sentences as plain text."""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agentroster.builtin.skills.enrich_hf_metadata.deciding.links import absolute
from agentroster.builtin.skills.enrich_hf_metadata.deciding.template_sentences import is_about_use, is_template
from agentroster.builtin.skills.enrich_hf_metadata.reading.html import without_html

# What the renderer is given: it tries each bracket as the beginning of a link.
_MAX_HTML_SOURCE, _MAX_BRACKETS = 40_000, 1_000
_MAX_SHORT, _MAX_LINES = 400, 2_000
_MAX_MARKS = 20
_NO_PROSE = ("#", "|", "!", "```", "~~~", "- ", "* ", "[", ">", "1.")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+")
_MARKS = re.compile(r"([\[\]*_`!()<>&])\1{20,}")
# Raw HTML of the card is removed first and whatever is left of it is escaped: none of it reaches a page.
# markdown-it refuses javascript:, vbscript:, file: and data: links by itself.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def as_html(body: str, repo: str = "", revision: str = "main") -> str:
    """Render a card's body as HTML without any markup of the card's own; its links lead to its repository.

    A link that would lead nowhere is left out, and its words stay.
    """
    # A card may pile up marks to keep the renderer busy; nobody writes that many in a row.
    text = without_html("\n".join(body.split("\n")[:_MAX_LINES]))[:_MAX_HTML_SOURCE]
    text = _MARKS.sub(lambda run: run[0][:_MAX_MARKS], text)
    tokens = _markdown.parse("[".join(text.split("[", _MAX_BRACKETS)[:_MAX_BRACKETS]))
    for token in tokens:
        if token.children:
            token.children = list(_linked(token.children, repo, revision))
    return str(_markdown.renderer.render(tokens, _markdown.options, {})).strip()


def _linked(tokens: Sequence[Token], repo: str, revision: str) -> Iterator[Token]:
    is_dropped = False
    for token in tokens:
        if token.type == "link_open":
            link = absolute(str(token.attrs.get("href", "")), repo, revision)
            token.attrs["href"] = link
            is_dropped = not link
        # A link holds no other link.
        if not (is_dropped and token.type in {"link_open", "link_close"}):
            yield token


def short_text(body: str) -> str:
    """Return at most two sentences of the first paragraph of prose that a person wrote; empty when there is none."""
    is_passed_by = False
    for paragraph in re.split(r"\n\s*\n", without_html(body)):
        text = paragraph.strip()
        while text.startswith("#"):
            title, _, text = text.partition("\n")
            is_passed_by, text = is_about_use(title), text.strip()
        # Bytes that could not be read are no prose.
        if is_passed_by or not text or "\ufffd" in text or text.startswith(_NO_PROSE):
            continue
        sentences = [part for part in _SENTENCE_END.split(_plain(text)) if not is_template(part)]
        if len(" ".join(sentences).split()) >= 4:  # noqa: PLR2004 - labels are shorter
            return _shortened(sentences)
    return ""


def _plain(text: str) -> str:
    text = re.sub(r"!\[[^\[\]]{0,300}\]\([^()]{0,500}\)", " ", text[:5_000])
    text = re.sub(r"\[([^\[\]]{0,300})\]\([^()]{0,500}\)", r"\1", text)
    return " ".join(re.sub(r"[*_`#]+", "", text).split())


def _shortened(sentences: list[str]) -> str:
    short = " ".join(sentences[:2])
    return short if len(short) <= _MAX_SHORT else short[:_MAX_SHORT].rsplit(" ", 1)[0] + " ..."
