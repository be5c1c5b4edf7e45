"""Reads trigger words: what a card says must be in the prompt."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from agentroster.builtin.skills.enrich_hf_metadata.deciding import trigger_sentences
from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_phrases import NEGATION
from agentroster.builtin.skills.enrich_hf_metadata.deciding.trigger_sentences import LABELS, Form
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import (
    MAX_PLAIN,
    NONE_NEEDED,
    PLACEHOLDER,
    QUOTED,
    SETTING,
    clean,
    is_unfilled,
    of_statement,
    split,
)
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import Card
from agentroster.builtin.skills.enrich_hf_metadata.reading.file_names import names_in, plain_name
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import Labels, alternatives, column_head, normal
from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import table_rows
from agentroster.builtin.skills.enrich_hf_metadata.reading.statements import Stated, labelled, sentences

# Names for the word that also mean other things: the whole label, with a quoted word or a single one behind.
_KEYS = Labels.of("trigger_key", "trigger_weak", most_words_before=0)
_COLUMN = column_head("trigger", "trigger_bare", "trigger_weak")
_SAID_COLUMN = re.compile(rf"^[\W_]{{0,4}}{alternatives('trigger_key')}[\W_]{{0,4}}$", re.IGNORECASE)
# The cell below "Trigger" is a key where the table is one of keys and values.
_KEY = re.compile(
    rf"^[\W_]{{0,4}}{alternatives('trigger', 'trigger_bare', 'base', 'base_weak')}[\W_]{{0,4}}$", re.IGNORECASE
)
# "to trigger concept `TOK` -> use `<s0><s1>` in your prompt".
_REVERSED = re.compile(
    r"\bto\s(?:trigger|activate|invoke)\b[^\n.]{0,60}?(?:[-=]>|→|➜|,|:)`?\s{0,2}(?:use|add|write)\s`([^`\n]{1,100})`",
    re.IGNORECASE,
)
_NOUN_AT_ALL = re.compile(alternatives("trigger"), re.IGNORECASE)
_NO_TRIGGER = re.compile(
    rf"\b(?:no|without(?: a| any)?|kein\w{{0,2}}|ohne|sans|aucun\w?|sin|senza|sem|без)\s"
    rf"{alternatives('trigger', 'trigger_bare')}\b",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(alternatives("file_name"), re.IGNORECASE)
_WORD_OR_EFFECT = alternatives("trigger", "trigger_bare", "effect")
_FILE_NAME_IS = re.compile(
    rf"{alternatives('file_name')}[^.。]{{0,30}}?{alternatives('as_trigger')}\s?(?:\w{{1,6}}\s){{0,2}}"
    rf"{_WORD_OR_EFFECT}"
    rf"|{_WORD_OR_EFFECT}[^.。]{{0,12}}?{alternatives('copula')}[^.。]{{0,16}}?{alternatives('file_name')}",
    re.IGNORECASE,
)
_FILE_AND_WORDS = re.compile(
    r"^[^\w]{0,8}[\w%+.\- ]{1,120}\.\w{2,11}[`*\])]{0,3}\s{0,3}(?:[:=]|[-=]>|→|\s[-–—]\s)\s{0,3}(\S.{0,200})$"
)
_TOKENS = re.compile(r"(?:<[\w-]{1,60}>)+")
_MAX_ANSWER = 3
_NUMBER = re.compile(r"^\s{0,8}\d{1,2}[.)]\s")
_GENERIC_STEM = re.compile(
    r"^(?:learned_embeds|embeddings?|model|textual[_-]?inversion|ti|checkpoint|token|\w)(?:[-_]?(?:steps?[-_]?)?\d+)?$",
    re.IGNORECASE,
)


def from_front_matter(card: Card) -> list[str] | None:
    """Return the words of the front matter; an empty list when it says there are none; None when silent."""
    for key in ("instance_prompt", "trigger", "trigger_word", "trigger_words", "trigger_phrase"):
        stated = card.strings(key)
        if stated:
            return of_value(stated)
    return None


def of_value(stated: Sequence[str]) -> list[str] | None:
    """Return the words in the value of a key for them; an empty list when it says there are none."""
    # Only a value that says so means that none are needed; what cannot be read means nothing.
    if all(map(_value_denies, stated)):
        return []
    return clean((word for text in stated for word in split(text)), is_keyed=True) or None


def _value_denies(text: str) -> bool:
    """Whether the value of a key says that there are no words; "no man's sky" says nothing of the kind."""
    if PLACEHOLDER.match(text.strip()) or is_unfilled(text):
        return True
    match = NONE_NEEDED.match(text)
    return bool(match and (not text[match.end() :].strip(" .!") or _says_none(text)))


def from_row(row: Iterable[tuple[str, str]]) -> list[str] | None:
    """Return the words of a table row's trigger column; None when it has none."""
    cells = list(row)
    for column, cell in cells:
        if _COLUMN.match(normal(column)) and cell.strip() and not _KEY.match(normal(cell)):
            return clean(of_statement(cell))
    for column, cell in cells:
        if _SAID_COLUMN.match(normal(column)) and QUOTED.fullmatch(cell.strip()):
            return clean(of_statement(cell))
    return None


def from_text(text: str, names: Sequence[str] = ()) -> list[str] | None:
    """Return the words a text states; an empty list when it says there are none; None when silent.

    `names` are the names of file and repository: they tell a word without quotes from the rest of a sentence.
    """
    for form in FORMS.values():
        if words := clean(form(text, names)):
            return words
    says_none = any(map(_denies, labelled(text, LABELS))) or any(map(_says_none, _prose(text)))
    return [] if says_none else None


@lru_cache(maxsize=4)
def _prose(text: str) -> Sequence[str]:
    return list(sentences(text, LABELS))


def _in_sentences(form: Form) -> Form:
    return lambda text, names: (word for sentence in _prose(text) for word in form(sentence, names))


OUTRIGHT: Mapping[str, Form] = {
    "an order turned round": lambda text, _: _REVERSED.findall(text),
    "labels": lambda text, names: (word for found in labelled(text, LABELS) for word in _of_label(found, names)),
    "columns": lambda text, _: (word for row in table_rows(text) for word in from_row(row.items()) or ()),
}
"""What is unmistakable: all of it is taken together."""
FORMS: Mapping[str, Form] = {
    "outright": lambda text, names: (word for form in OUTRIGHT.values() for word in form(text, names)),
    "keys": lambda text, _: (word for found in labelled(text, _KEYS) for word in _of_key(found)),
    **{name: _in_sentences(form) for name, form in trigger_sentences.FORMS.items()},
    "the file name": lambda text, names: names[:1] if any(map(_is_file_name, _prose(text))) else (),
}
"""The forms in which a text states words, the surest first."""


def of_embedding(text: str, stem: str, *, is_silent: bool) -> list[str] | None:
    """Return the word of an embedding: a token shown as code, else the file's name, which tools take for the word."""
    codes = [code.strip() for code in re.findall(r"`([^`\n]{1,100})`", text)]
    token = next((code for code in codes if _TOKENS.fullmatch(code)), stem if stem in codes else None)
    if token is None and is_silent and text.strip() and not _GENERIC_STEM.match(stem):
        token = stem
    return [token] if token else None


def _is_file_name(sentence: str) -> bool:
    """Whether a sentence says that the file's name is the word."""
    match = _FILE_NAME_IS.search(re.sub(r"\([^()]{0,80}\)", "", normal(sentence)))
    return bool(match and not NEGATION.search(match[0]))


def _says_none(sentence: str) -> bool:
    plain = normal(sentence)
    return bool(_NO_TRIGGER.search(plain) or (_NOUN_AT_ALL.search(plain) and NEGATION.search(plain)))


def _denies(found: Stated) -> bool:
    """Whether a labelled value says that there are no words."""
    value = found.value or next((line.strip(" >-*•+=") for line in found.below if line.strip(" >-*•+=`")), "")
    return bool(NONE_NEEDED.match(value) or PLACEHOLDER.match(value.strip("*_`\"' ")))


def _of_key(found: Stated) -> Iterator[str]:
    """Yield the words behind a label that also means other things."""
    words = of_statement(found.value)
    if QUOTED.search(found.value) or (len(words) == 1 and re.search(r"^(?!hf_)[^\W\d][\w-]+$", words[0])):
        yield from words


def _of_label(found: Stated, names: Sequence[str]) -> Iterator[str]:
    if found.is_answer:
        words = of_statement(found.value)
        if QUOTED.search(found.value) or all(len(word.split()) <= _MAX_ANSWER for word in words):
            yield from words
    elif found.value:
        if names and not QUOTED.search(found.value) and _FILE_NAME.search(found.value):
            yield names[0]
        else:
            yield from of_statement(found.value, is_phrase=found.is_phrase)
    for line in _stated_lines(found.below):
        yield from of_statement(line, is_phrase=found.is_phrase)


def _stated_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines that hold the words: up to the first prose, setting, picture or heading after them."""
    found = ""
    for written in lines:
        line = _NUMBER.sub("", written)
        content = line.strip().strip(">-*•+= ").strip()
        if not content or content.startswith(("```", "~~~")):
            continue
        kind = _kind(line, content)
        if kind == "" or (found and kind != found):
            return
        found = kind
        yield line.strip()


def _kind(line: str, content: str) -> str:
    """Return what a line under a label is: quoted words, plain words, or (empty) something else."""
    if NONE_NEEDED.match(content):
        return "none"
    if content.startswith(("|", "!", "[", "#")) or SETTING.search(content):
        return ""
    if QUOTED.search(line):
        return "quoted"
    is_short = len(content.split()) <= MAX_PLAIN and not re.search(r"[.。!?]\s*\S|[。]$", content)
    return "plain" if is_short else ""


def from_list_of_files(text: str, file_name: str) -> list[str] | None:
    """Return the words behind a file's name in a list of "file: words" below a label; None when there is none."""
    is_below = False
    for line in text.split("\n"):
        if not line.strip():
            continue
        if names := names_in(line):
            match = _FILE_AND_WORDS.match(line) if is_below and names == {plain_name(file_name)} else None
            if match:
                return clean(of_statement(match[1]))
        else:
            is_below = bool(LABELS.alone.match(normal(line.strip("#: "))))
    return None
