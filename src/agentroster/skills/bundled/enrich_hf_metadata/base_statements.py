"""What a text says about the base model: labelled values, and sentences about training."""

import re
from collections.abc import Iterable, Iterator

from agentroster.skills.bundled.enrich_hf_metadata import base_models
from agentroster.skills.bundled.enrich_hf_metadata.labels import alternatives, each, normal
from agentroster.skills.bundled.enrich_hf_metadata.statements import Labels, labelled, sentences

_LABELS = Labels.of("base", "base_weak")
_ANY = alternatives("base", "base_weak")
_COLUMN = re.compile(rf"^[\W_]{{0,4}}{_ANY}(?:[\s/|(,]{{1,3}}{_ANY}\)?)?[\W_]{{0,4}}$", re.IGNORECASE)
_WITHIN = re.compile(
    rf"{alternatives('base')}[*_`\"'\s]{{0,6}}(?:\([^()]{{0,80}}\)\s?)?(?:\s?(?:of|for|für|von|pour|para|per|для)\s[^:=.]{{1,40}})?"
    rf"(?:[:=]|{alternatives('copula')}(?!\w)|[-–—]|(?<=[は是为為이은는가]))\s{{0,3}}(\S.{{1,100}})",
    re.IGNORECASE,
)
_TRAINED_ON = each("trained_on")
_ONLY_WORKS = re.compile(alternatives("only_works"), re.IGNORECASE)
_NEGATION = re.compile(alternatives("negation"), re.IGNORECASE)
_DATA = re.compile(rf"(?<![A-Za-z]){alternatives('data_nouns')}(?![a-z])", re.IGNORECASE)
_MADE_FOR = re.compile(r"\b(?:for|für|pour|para|per|для)\s(.{3,60})", re.IGNORECASE)
_FOR = re.compile(r"^[\W_]{0,6}(?:for|für|pour|para|per|для)\s(.{3,60})", re.IGNORECASE)
_HUB_ID = re.compile(r"(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)", re.ASCII)
_AND = re.compile(r"\s(?:and|or|und|oder|et|ou|y|o|e|и|или|en|i)\s|\s?[&+、和与與とや및]\s?|\s/\s")
_THIS_FILE = re.compile(r"\b(?:this|the) file\b|\bdiese datei\b|\bce fichier\b|\best[ea] archivo\b", re.IGNORECASE)


def in_row(row: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names in a table row's columns for the base model."""
    return _names(cell for column, cell in row if _COLUMN.match(normal(column)))


def in_text(text: str) -> list[str]:
    """Return the names of the base models that a text states: labelled ones first, else those of its sentences."""
    found = _names(_value(found.value, found.below) for found in labelled(text, _LABELS))
    return found or [name for sentence in sentences(text, _LABELS) for name in _in_sentence(sentence)]


def in_section(text: str, above: Iterable[str]) -> list[str]:
    """Return the names that a file's own section states, or that the titles above it sort it under."""
    if found := in_text(text):
        return found
    for sentence in sentences(text, _LABELS):
        if (match := _FOR.match(sentence)) and (name := base_models.in_prose(_plain(re.split(r"\.\s", match[1])[0]))):
            return [name]
    for title in above:
        if name := _of_title(title):
            return [name]
    return []


def in_opening(text: str) -> list[str]:
    """Return the name in the first sentence of a card that says what the model is for."""
    first = next(sentences(text, _LABELS), "")
    match = None if _ONLY_WORKS.search(first) else _MADE_FOR.search(first)
    return list(_prose_name(match[1])) if match else []


def about_file(text: str, file_name: str) -> list[str]:
    """Return the names in sentences that speak of this very file: these are stronger than what the card declares."""
    found: list[str] = []
    for line in text.split("\n"):
        if (file_name and file_name.lower() in line.lower()) or _THIS_FILE.search(line):
            found += [name for sentence in sentences(line, _NO_LABELS) if _is_about(sentence, file_name)
                      for name in _in_sentence(sentence)]  # fmt: skip
    return found


_NO_LABELS = Labels(re.compile(r"(?!)"), re.compile(r"(?!)"))


def _is_about(sentence: str, file_name: str) -> bool:
    return bool(file_name and file_name.lower() in sentence.lower()) or bool(_THIS_FILE.search(sentence))


def _of_title(title: str) -> str | None:
    match = _LABELS.before.match(normal(title))
    if match and match[1]:
        return base_models.from_statement(_plain(match[1]))
    words = title.split()
    return base_models.in_prose(_plain(title)) if len(words) <= _LONGEST_TITLE else None


_LONGEST_TITLE, _NEAR = 5, 16


def _value(value: str, below: Iterable[str]) -> str:
    return value or next((line for line in below if line.strip(" *_>-=+|")), "")


def _names(values: Iterable[str]) -> list[str]:
    return [name for value in values if (name := base_models.from_statement(_plain(value)))]


def _in_sentence(sentence: str) -> Iterator[str]:
    plain = normal(sentence)
    if not _ONLY_WORKS.search(plain) and (match := _WITHIN.search(plain)):
        yield from _prose_name(match[1])
        return
    for pattern in _TRAINED_ON:
        match = pattern.search(plain)
        if match and not _NEGATION.search(plain[max(0, match.start() - _NEAR) : match.start()]):
            found = list(_prose_name(match["x"]))
            yield from found
            if found:
                return


def _prose_name(phrase: str) -> Iterator[str]:
    text = _plain(phrase)
    names = {name for one in _AND.split(text) if (name := base_models.in_prose(one))}
    if len(names) == 1 and not (_NEGATION.search(text) or _DATA.search(text)):
        yield names.pop()


def _plain(phrase: str) -> str:
    if match := _HUB_ID.search(phrase):
        return match[1]
    phrase = re.sub(r"\[([^\[\]]{0,300})\]\([^()]{0,500}\)", r"\1", phrase)
    phrase = re.sub(r"[*_`\"]{1,2}(?=\W|$)|(?<=\W)[*_`\"]{1,2}|^[*_`\"]+", "", phrase)
    return re.split(
        r"[,;(。、]|\.\s|\b(?:with|for|avec|mit|con|com|met|med|für|pour|para|с)\b|\||\s#\s|\s[-–—]\s", phrase
    )[0].strip()
