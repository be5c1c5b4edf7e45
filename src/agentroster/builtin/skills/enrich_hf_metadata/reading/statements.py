"""Finds statements in a card: labelled lines, titles, table cells, and sentences."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import ARROW, Labels, alternatives, normal
from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import FENCE, cells_of, headings, is_rule

_SEPARATORS = re.compile(rf"[:：=＝﹕︰】〕]|{ARROW}|(?<=\s)[-–—](?=\s)")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[MDSJ]r\.)(?<!\bMrs\.)(?<!\bSt\.)(?<!\bvs\.)[*_\"')\]]{0,3}\s+(?=[^\sa-z])|(?<=[。！？])"
)
_ANSWER_MARK = re.compile(rf"^[\W_]{{0,4}}{alternatives('answer')}[\s*_]{{0,3}}[:：.)）][\s*_]{{0,3}}", re.IGNORECASE)
# In the singular: what follows is one, with all its commas.
_PHRASE = re.compile(r"(?:\b|[a-z])(?:phrase|frase|фраза)(?!\w)", re.IGNORECASE)
_KEY_AND_VALUE = 2
_MAX_BELOW, _MAX_STATED, _MAX_SENTENCES, _MAX_SENTENCE = 40, 200, 1_500, 600
# An object of data within prose is an answer put into somebody's mouth.
_DATA = re.compile(r"\{\s{0,4}\"|\"\w{1,40}\"\s{0,4}:\s")
_OF_DATA = ('"', "'", "{", "[{", "}")


@dataclass(frozen=True, slots=True)
class Stated:
    """A labelled value: the rest of its line, or the lines below a label that stands alone."""

    value: str
    below: Sequence[str] = ()
    is_answer: bool = False
    is_phrase: bool = False


def labelled(text: str, labels: Labels) -> Iterator[Stated]:
    """Yield what stands behind or below each label that begins a line or is a title; only so many of a card."""
    return islice(_labelled(text, labels), _MAX_STATED)


def _labelled(text: str, labels: Labels) -> Iterator[Stated]:
    lines = text.split("\n")
    marks = [number for number, _, _ in headings(text)]
    titles, rules = set(marks), _rules(lines)
    following, fenced = 0, False
    for number, line in enumerate(lines):
        fenced ^= FENCE.match(line) is not None
        if not fenced and line.lstrip().startswith(_OF_DATA):
            # Data outside a code block is an answer put into somebody's mouth, and no label.
            continue
        while following < len(marks) and marks[following] <= number:
            following += 1
        below = lines[number + 1 : marks[following] if following < len(marks) else number + _MAX_BELOW]
        plain = normal(line)
        if line.lstrip().startswith("|"):
            yield from _cell(line, labels, is_head=number + 1 in rules, next_lines=lines[number + 2 : number + 3])
        elif match := labels.before.match(plain):
            value = match[1] and _as_written(line, plain[: match.start(1)])
            one = bool(_PHRASE.search(plain[: match.start(1)] if match[1] else plain))
            has_value = bool(value and value.strip("*_ "))
            yield Stated(value if has_value else "", () if has_value else below[:_MAX_BELOW], is_phrase=one)
        elif match := labels.asked.match(plain) if "?" in plain[:200] else None:
            yield Stated(_answer(plain[match.end() :], lines[number + 1 : number + 4]), is_answer=True)
        elif number in titles and labels.alone.match(plain.strip().rstrip("#")):
            yield Stated("", below[:_MAX_BELOW], is_phrase=bool(_PHRASE.search(plain)))
        elif _begins_paragraph(lines, number) and labels.alone.match(plain):
            yield Stated("", list(takewhile(str.strip, below[:_MAX_BELOW])))


def _begins_paragraph(lines: list[str], number: int) -> bool:
    """Whether a line is the first of at least two in a paragraph: the label of a list that was pasted as text."""
    before, after = lines[max(0, number - 1) : number], lines[number + 1 : number + 2]
    return not any(map(str.strip, before)) and any(map(str.strip, after))


def _answer(rest: str, following: Sequence[str]) -> str:
    """Return the answer to a question: what follows it, without the mark of an answer."""
    candidates = (text.strip(" *_>-\t") for text in (rest, *following))
    return _ANSWER_MARK.sub("", next((text for text in candidates if text), "")).strip(" *_")


def sentences(text: str, labels: Labels) -> Iterator[str]:
    """Yield the sentences of the prose: without titles, tables, code, and lines that a label begins."""
    return islice(_prose(text, labels), _MAX_SENTENCES)


def _prose(text: str, labels: Labels) -> Iterator[str]:
    titles = {number for number, _, _ in headings(text)}
    paragraph: list[str] = []
    fenced = False
    for number, line in enumerate([*text.split("\n"), ""]):
        fence = FENCE.match(line) is not None
        fenced ^= fence
        is_other = fence or fenced or number in titles or line.lstrip().startswith(("|", "!")) or is_data(line)
        is_prose = line.strip() and not is_other and not labels.before.match(normal(line))
        starts_anew = re.match(r"\s*(?:[-*+>•]|\d{1,3}[.)])\s", line)
        if paragraph and (not is_prose or starts_anew):
            yield from _sentences(" ".join(paragraph))
            paragraph = []
        if is_prose:
            paragraph.append(line.strip())


def is_data(text: str) -> bool:
    """Whether a text outside a code block holds JSON, which then states nothing."""
    return _DATA.search(text) is not None


def _sentences(text: str) -> Iterator[str]:
    # One by one: patterns meet short texts only.
    for sentence in _SENTENCE_END.split(text):
        if 0 < len(sentence) <= _MAX_SENTENCE:
            yield sentence


def _as_written(line: str, prefix: str) -> str:
    """Return the value as its author wrote it: behind as many separators as the compared form has."""
    if len(normal(line)) == len(line):
        return line[len(prefix) :].strip()
    position = 0
    for _ in range(len(_SEPARATORS.findall(prefix))):
        match = _SEPARATORS.search(line, position)
        if match is None:
            return ""
        position = match.end()
    return line[position:].strip()


def _rules(lines: list[str]) -> set[int]:
    return {n for n, line in enumerate(lines) if line.lstrip().startswith("|") and is_rule(cells_of(line[:500]))}


def _cell(line: str, labels: Labels, *, is_head: bool, next_lines: list[str]) -> Iterator[Stated]:
    """Yield the value beside a label in a table of keys and values."""
    cells = cells_of(line)
    is_pair = len(cells) == _KEY_AND_VALUE and cells[1].startswith(("`", '"', "“", "「"))
    has_rows = any(text.lstrip().startswith("|") for text in next_lines)
    if is_head and not is_pair and has_rows and len(cells) >= _KEY_AND_VALUE:
        # The head of a table with rows names columns; the keys of a table of pairs stand in its rows.
        return
    names = [bool(labels.alone.match(normal(cell))) for cell in cells]
    if len(cells) >= _KEY_AND_VALUE and names[0]:
        value = next((cell for cell, is_name in zip(cells, names, strict=True) if not is_name), "")
        if value and not is_rule([value]):
            yield Stated(value)
