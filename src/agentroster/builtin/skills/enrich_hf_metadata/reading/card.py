"""A model card taken apart: front matter as plain values, and the Markdown below it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentroster.builtin.skills.enrich_hf_metadata.reading.front_matter import front_matter
from agentroster.json_values import is_list

_MAX_FRONT_MATTER = 200_000
# Patterns meet short lines of a bounded text only, so that no card can keep the process busy.
_MAX_BODY, _MAX_LINES, _MAX_LINE = 400_000, 6_000, 2_000
_MAX_CARD = _MAX_FRONT_MATTER + _MAX_BODY
# Marks of direction and of no width, and control characters: they hide or reorder what a person sees.
_INVISIBLE = dict.fromkeys(
    (*range(9), 11, 12, *range(14, 32), 0x7F, 0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060,
     *range(0x2066, 0x206A), 0xFEFF)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """Front matter as plain values, and the Markdown below it."""

    front: Mapping[str, object]
    body: str

    def strings(self, key: str) -> list[str]:
        """Return the non-empty texts under a front-matter key, whether it holds one value or a list."""
        value = self.front.get(key)
        values = value if is_list(value) else [value]
        texts = [item.strip() for item in values if isinstance(item, str)]
        return [text for text in texts if text and text not in {"~", "null", "Null", "NULL"}]


def parse_card(text: str) -> Card:
    """Take a card apart; never fails: broken front matter is read line by line, or is part of the body."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n \t")
    if len(text) > _MAX_CARD:
        # A line that is cut might end in the middle of a word.
        text = text[:_MAX_CARD].rpartition("\n")[0]
    text = text.translate(_INVISIBLE)
    lines = [chunk for line in text.split("\n", _MAX_LINES)[:_MAX_LINES] for chunk in _folded(line)]
    text = "\n".join(lines)
    if lines[0].rstrip() != "---":
        return Card({}, text)
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        return Card({}, text)
    return Card(front_matter("\n".join(lines[1:end])[:_MAX_FRONT_MATTER]), "\n".join(lines[end + 1 :]).strip("\n"))


def _folded(line: str) -> Iterator[str]:
    """Yield a line in chunks that patterns can meet, cut between words or tags."""
    position = 0
    while len(line) - position > _MAX_LINE:
        end = position + _MAX_LINE
        cut = max(line.rfind(mark, position + 1, end) for mark in " >")
        # A cut within a tag would show its attributes as text.
        opened = line.rfind("<", position + 1, max(cut, position + 1))
        cut = opened - 1 if opened > line.rfind(">", position, max(cut, position)) and opened > end - 600 else cut
        yield line[position : (cut := cut + 1 if cut > position else end)]
        position = cut
    yield line[position:]
