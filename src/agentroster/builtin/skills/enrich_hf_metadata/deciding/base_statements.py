"""Reads statements about the base model in a text: labelled values, and sentences about training."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models, base_phrases
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import Labels, alternatives, column_head, each, normal
from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import headings
from agentroster.builtin.skills.enrich_hf_metadata.reading.statements import labelled, sentences

_LABELS = Labels.of("base", "base_weak", asked="base_question")
_COLUMN = column_head("base", "base_weak")
_WITHIN = re.compile(
    rf"{alternatives('base')}[*_`\"'\s]{{0,6}}(?:\([^()]{{0,80}}\)\s?)?(?:\s?(?:of|for|für|von|pour|para|per|для)\s[^:=.]{{1,40}})?"
    rf"(?:[:=]|{alternatives('copula')}(?!\w)|[-–—]|(?<=[は是为為이은는가])|(?<=\s)(?=[A-Z])|[→➜⇒>])\s{{0,3}}(\S.{{1,100}})",
    re.IGNORECASE,
)
_TRAINED_ON = each("trained_on")
_FOR_LABEL = Labels.of("for_label", most_words_before=0)
_SPEC = re.compile(r"\s[-–—/|·•~]\s|[;,]\s|[(]")
_COLUMNS = re.compile(r"\s[/|·•]\s")
_ANY_LABEL = re.compile(r"^\W{0,4}[^\W\d][\w -]{1,20}:\s?\S")
_BRACKETS = re.compile(r"\s?[(\[][^()\[\]]{0,80}[)\]]\W{0,3}$")
_HUB_ID = re.compile(r"[\w.-]{2,60}/[\w.-]{2,90}", re.ASCII)
_ONLY_WORKS = re.compile(alternatives("only_works"), re.IGNORECASE)
_MADE_FOR = re.compile(
    r"\b(?:[Ff]or|[Ff]ür|[Pp]our|[Pp]ara|[Pp]er|[Дд]ля)\s(?P<x>(?=.{0,20}[A-Z\d]).{2,60})"
    r"|(?P<y>[\w .-]{2,30}?)\s?(?:用|向け|専用|专用|專用|용|전용)(?=\s?の?(?i:lora)|로라|[\W_]|$)"
)
# "Trained with fal-ai/wan-22-trainer", and the title of a card that a service has written.
_TRAINED = re.compile(r"^#{1,3}\s|\b(?:trained|training)\s", re.IGNORECASE)
_TRAINER = re.compile(r"[\w.-]{1,40}/([\w.-]{2,60})-train(?:er|ing)", re.ASCII)
_KIND_OF = re.compile(
    r"(?:^\W{0,4}|\b[Aa]n?\s)(?P<x>[\w.\[\]-]{2,20}(?: [\w.\[\]-]{1,12}){0,3}?)"
    r"[ -](?:based[ -])?(?i:style |character |concept )?"
    r"(?i:loras?|lycoris|locon|lokr|dora|embedding|textual inversion|finetune|fine-tune|merge)(?!\w)"
)
_TITLE_PARTS = re.compile(r"[()\[\]|:：–—【】（）]|\s-\s|\s(?:for|für|pour|para|для)\s")
_ADAPTER = re.compile(
    r"\b(?:loras?|lycoris|locon|dora|style|embedding|checkpoint|version|ver|edition)\b", re.IGNORECASE
)
_ALL = re.compile(alternatives("all_files"), re.IGNORECASE)
_ALL_ARE = re.compile(
    r"^[\w\s''’]{0,40}?(?:[:=]|\b(?:are|is|for|on|use|in|sind|sont|son|são|sono)\b"
    r"|都?是|は)\s{0,3}(?:all |for |an? )?(\S.{1,60})",
    re.IGNORECASE,
)
_OTHER = re.compile(alternatives("other_model") + r"|\?\W{0,4}$", re.IGNORECASE)
_EXACTLY_FOR = each("made_for")
_NO_LABELS = Labels(*[re.compile(r"(?!)")] * 3)
_MAX_TITLE, _NEAR = 5, 16
_NOTHING: list[str] = []
_MAX_LINES, _MAX_PARTS, _FEWEST_PARTS, _NEAR_START = 200, 12, 3, 24
_OPENING, _MAX_LINE = 2, 1_000
_ASIDE = re.compile(r"\s?\([^()]{0,200}\)")
_NEGATIVE = re.compile(r"\bnegative (?=embedding|textual|ti\b|lora|prompt embedding)", re.IGNORECASE)
_FOR = re.compile(r"^[\W_]{0,6}(?:for|für|pour|para|per|для)\s(.{3,60})", re.IGNORECASE)
_THIS_FILE = re.compile(r"\b(?:this|the) file\b|\bdiese datei\b|\bce fichier\b|\best[ea] archivo\b", re.IGNORECASE)


def in_row(row: Iterable[tuple[str, str]]) -> list[str]:
    """Return the names in a table row's columns for the base model."""
    cells = list(row)
    whole = (base_models.called(base_phrases.plain(cell)) for column, cell in cells if not _ONLY_WORKS.search(column))
    return _names(cell for column, cell in cells if _COLUMN.match(normal(column))) or [name for name in whole if name]


def in_text(text: str, *, is_own: bool = False) -> list[str]:
    """Return the names of the base models that a text states in the first form that it has.

    In a file's own section "the old one" is that file; elsewhere such a sentence is about another model.
    """
    prose = [one for one in sentences(text, _LABELS) if is_own or not _OTHER.search(one)]
    return next(filter(None, (form(text, prose) for form in FORMS.values())), _NOTHING)


def in_labels(text: str) -> list[str]:
    """Return the names behind labels for the base model, which are surer than any hint."""
    return _names(_value(found.value, found.below) for found in labelled(text, _LABELS))


def of_trainer(text: str) -> list[str]:
    """Return the names that the services' trainers are called by, where the card says that one made it."""
    lines = (line for line in text.split("\n") if "-train" in line and _TRAINED.search(line))
    words = (word for line in lines for word in re.split(r"[\s()\[\]<>`*\"']+", line[:_MAX_LINE]))
    ids = (_TRAINER.fullmatch("/".join(word.strip(".,;:").rsplit("/", 2)[-2:])) for word in words)
    names = (base_models.from_hint(match[1]) for match in ids if match)
    return [name for name in names if name]


def _exactly_labelled(text: str, prose: Iterable[str]) -> list[str]:
    """Return the names in "for: X" and in lines that are a list of labels, where they are the whole value."""
    # So few: a card that states its base like this is short.
    lines = [line for line in text.split("\n", _MAX_LINES)[:_MAX_LINES] if ":" in line[:_NEAR_START]]
    parts = [part for one in islice(prose, _MAX_LINES) if ":" in one for part in _SPEC.split(one)[:_MAX_PARTS]]
    matches = [_FOR_LABEL.before.match(line) for line in lines] + [_LABELS.before.match(part) for part in parts]
    values = [match[1] for match in matches if match and match[1]]
    values += [value for one in islice(prose, _MAX_LINES) for value in _in_spec(one)]
    names = (base_models.called(_BRACKETS.sub("", value)) or _of_id(value) for value in values)
    return [name for name in names if name]


def _in_spec(sentence: str) -> list[str]:
    """Return the one part of a line of specifications that is a base model's name by itself."""
    parts = _COLUMNS.split(sentence, _MAX_PARTS)
    if len(parts) < _FEWEST_PARTS:
        return []
    named = [part for part in parts if ":" not in part and base_models.called(part)]
    has_label = any(_ANY_LABEL.match(part) for part in parts)
    return named if len(named) == 1 and has_label and not _ONLY_WORKS.search(sentence) else []


def _of_id(value: str) -> str | None:
    return base_models.from_statement(value) if _HUB_ID.fullmatch(value.strip("*_` ")) else None


def in_section(text: str, above: Iterable[str]) -> list[str]:
    """Return the names that a file's own section states, or that the titles above it sort it under."""
    return next(filter(None, (form(text, above) for form in SECTION_FORMS.values())), _NOTHING)


def _own_purpose(text: str) -> list[str]:
    """Return the name in a sentence that begins with "for"."""
    matches = filter(None, map(_FOR.match, sentences(text, _LABELS)))
    names = (base_models.in_prose(base_phrases.plain(re.split(r"\.\s", match[1])[0])) for match in matches)
    return [*islice(filter(None, names), 1)]


def in_opening(text: str) -> list[str]:
    """Return the name in a card's first sentences that say what the model is or is for, or in its title."""
    return next(filter(None, (form(text) for form in OPENING_FORMS.values())), _NOTHING)


def _in_first_sentences(text: str) -> list[str]:
    found: list[str] = []
    for written in islice(sentences(text, _LABELS), _OPENING):
        # What stands in brackets takes nothing back, and a negative embedding denies nothing.
        sentence = _NEGATIVE.sub(" ", _ASIDE.sub("", written))
        if not any(pattern.search(sentence) for pattern in (_ONLY_WORKS, _OTHER, base_phrases.NEGATION)):
            phrases = [match["x"] or match["y"] for match in _MADE_FOR.finditer(sentence)]
            phrases += [match["x"] for match in _KIND_OF.finditer(sentence)]
            found += [name for phrase in phrases for name in base_phrases.exactly(phrase)]
    return found


def _in_main_title(text: str) -> list[str]:
    """Return the name that is a whole part of the title, as in "Ink (PonyXL)" and "Ink | Flux dev LoRA"."""
    title = next((title for _, level, title in headings(text) if level == 1), "")
    parts = [part for part in _TITLE_PARTS.split(title) if part.strip()]
    return [name for part in parts if len(parts) > 1 and (name := base_models.called(_ADAPTER.sub("", part)))]


def of_all_files(text: str) -> list[str]:
    """Return the names in sentences of a shared card that speak of all its files."""
    found: list[str] = []
    for sentence in sentences(text, _NO_LABELS):
        match = _ALL.search(sentence)
        if match and not _OTHER.search(sentence) and not base_phrases.NEGATION.search(sentence):
            rest = sentence[match.end() :]
            named = list(_in_sentence(rest)) or [
                name for value in _ALL_ARE.findall(rest)[:1] if (name := base_models.called(base_phrases.plain(value)))
            ]
            found += named if not _ONLY_WORKS.search(sentence) else []
    return found


def about_file(text: str, file_name: str) -> list[str]:
    """Return the names in sentences that speak of this very file: these are stronger than what the card declares."""
    found: list[str] = []
    for line in text.split("\n"):
        if _is_about(line, file_name):
            found += [name for sentence in sentences(line, _NO_LABELS) if _is_about(sentence, file_name)
                      for name in _in_sentence(sentence)]  # fmt: skip
    return found


def _is_about(sentence: str, file_name: str) -> bool:
    return bool(file_name and file_name.lower() in sentence.lower()) or bool(_THIS_FILE.search(sentence))


def _of_title(title: str) -> str | None:
    match = _LABELS.before.match(normal(title))
    if match and match[1]:
        return base_models.meant(base_phrases.plain(match[1]))
    words = title.split()
    return base_models.in_prose(base_phrases.plain(title)) if len(words) <= _MAX_TITLE else None


def _value(value: str, below: Iterable[str]) -> str:
    return value or next((line for line in below if line.strip(" *_>-=+|")), "")


def _names(values: Iterable[str]) -> list[str]:
    return [name for value in values for name in base_phrases.in_value(value)]


def _in_sentence(sentence: str) -> Iterator[str]:
    plain = normal(sentence)
    if not _ONLY_WORKS.search(plain) and (match := _WITHIN.search(plain)):
        yield from base_phrases.in_prose(match[1])
        return
    for pattern in _TRAINED_ON:
        match = pattern.search(plain)
        if match and not base_phrases.NEGATION.search(plain[max(0, match.start() - _NEAR) : match.start()]):
            found = list(base_phrases.in_prose(match["x"]))
            yield from found
            if found:
                return
    for pattern in _EXACTLY_FOR:
        if (match := pattern.search(plain)) and not base_phrases.NEGATION.search(plain[: match.start("x")]):
            yield from base_phrases.exactly(match["x"])
            return


FORMS: Mapping[str, Callable[[str, Sequence[str]], list[str]]] = {
    "labels": lambda text, _: in_labels(text),
    "sentences": lambda _, prose: [name for one in prose for name in _in_sentence(one)],
    "labels that are the whole of it": _exactly_labelled,
}
"""The forms in which a text states a base model, the surest first; a section and an opening have some more."""
SECTION_FORMS: Mapping[str, Callable[[str, Iterable[str]], list[str]]] = {
    "its text": lambda text, _: in_text(text, is_own=True),
    "its purpose": lambda text, _: _own_purpose(text),
    "the titles above": lambda _, above: [*islice(filter(None, map(_of_title, above)), 1)],
}
OPENING_FORMS: Mapping[str, Callable[[str], list[str]]] = {
    "first sentences": _in_first_sentences,
    "main title": _in_main_title,
}
