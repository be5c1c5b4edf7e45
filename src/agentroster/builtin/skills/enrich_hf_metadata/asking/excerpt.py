"""Cuts the excerpt of a card for a language model: the part about the file, visible text only, about 12 kB."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card
from agentroster.builtin.skills.enrich_hf_metadata.reading.file_sections import FilePart
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source, spoken

_MAX_OWN, _MAX_SHARED, _MAX_FRONT, _MAX_VALUE = 6_500, 2_500, 3_000, 500
# Prompts of sample images and legal matters say nothing about what is asked.
_LEFT_OUT = re.compile(r"widget|licen[cs]e|extra_gated|thumbnail|datasets?$|metrics|model-index", re.IGNORECASE)
_ABOUT_TRIGGERS = re.compile(
    r"trigger|activation|instance.?prompt|触发|觸發|激活|トリガー|트리거|триггер|ausl[öo]se|d[ée]clenche|activaci|activador|הפעלה",
    re.IGNORECASE,
)
_LINES_AFTER_A_LABEL = 2
_GAP = "[...]"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`own` is about this file, `shared` about all files of its repository."""

    own: str
    shared: str

    def render(self, file_name: str) -> str:
        """Return all of it, with titles of ours."""
        titled = (("The file", file_name), ("About this file", self.own), ("About the whole repository", self.shared))
        return "\n\n".join(f"{title}:\n{text}" for title, text in titled if text)


def excerpt_of(source: Source) -> Excerpt | None:
    """Return the excerpt of a card, or None when it says nothing; no path of this computer is in it."""
    card, body = source.card, source.body
    if not source.is_collection:
        own = "\n\n".join(filter(None, (_front_matter(card), _cut(body, _MAX_OWN + _MAX_SHARED)))).strip()
        return Excerpt(own, "") if own else None
    # A neighbour's trigger words are no use: of what is shared they are left out.
    own = _cut(_own_part(source.parts), _MAX_OWN).strip()
    shared = "\n".join(filter(None, (_front_matter(card, of_all=True), _cut(source.shared, _MAX_SHARED)))).strip()
    return Excerpt(own, shared) if own or shared else None


def _own_part(parts: Sequence[FilePart]) -> str:
    if not parts:
        return ""
    return "\n".join(f"{column}: {cell}" for column, cell in parts[0].row) or spoken(parts[0].text)


def _front_matter(card: Card, *, of_all: bool = False) -> str:
    lines: list[str] = []
    for key in card.front:
        value = ", ".join(card.strings(key))[:_MAX_VALUE]
        if value and not _LEFT_OUT.match(key) and not (of_all and _ABOUT_TRIGGERS.search(key)):
            lines.append(f"{key}: {value}")
    return _first_bytes("\n".join(lines), _MAX_FRONT)


def _cut(text: str, most: int) -> str:
    """Return the text within so many bytes: its beginning, and every line about trigger words of the rest."""
    if len(text.encode()) <= most:
        return text
    start = _first_bytes(text, most * 2 // 3)
    rest = "\n".join(_trigger_lines(text[len(start) :]))
    return f"{start}\n{_GAP}\n{_first_bytes(rest, most - most * 2 // 3)}"


def _trigger_lines(text: str) -> Iterator[str]:
    wanted = 0
    for line in text.split("\n"):
        wanted = _LINES_AFTER_A_LABEL + 1 if _ABOUT_TRIGGERS.search(line) else wanted - 1 if line.strip() else wanted
        if wanted > 0 and line.strip():
            yield line


def _first_bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
