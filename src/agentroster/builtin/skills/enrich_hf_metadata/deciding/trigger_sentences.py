"""Reads trigger words in sentences: beside a name such as "trigger word", or in an order such as "add `x`"."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from agentroster.builtin.skills.enrich_hf_metadata.deciding import coined_words
from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_phrases import NEGATION
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import GROUPLESS, QUOTED, of_statement, quoted
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import Labels, alternatives, normal

Form: TypeAlias = Callable[[str, Sequence[str]], Iterable[str]]
"""Yields the words of a text or a sentence, given the names of file and repository."""

LABELS = Labels.of("trigger", "trigger_bare", "trigger_order", asked="trigger_question")
_NOUN = alternatives("trigger")
# Where a sentence can go on to a label of its own: "file - trigger: x", "Nice. Trigger: x", "... · trigger: x".
_JOINT = re.compile(r"\s[-–—·•|/~✦★➤]\s|[;,(\[]\s?|[.。!?！？]\s?")
_MAX_JOINTS = 12
# In a sentence: "trigger word is `x`", "`x` as trigger word", "activated with `x`".
_NAMED_BEFORE = re.compile(
    rf"(?:{_NOUN}|(?:^[\W\d_]{{0,12}}|[-–—;,:(]\s?|\b(?:the|its|das|der|als|le|la|el|o|il|como|comme|come)\s){alternatives('trigger_bare')})"
    rf"(?:`(?=:))?[\s*_]{{0,3}}(?:\([^()]{{0,60}}\)\s?)?(?:(?:{alternatives('copula')}|[-–—,:=→➜⇒])[\s*_]{{0,3}})?(?={GROUPLESS})",
    re.IGNORECASE,
)
_NAMED_AFTER = re.compile(
    rf"({GROUPLESS})[^`\"“”„«»「」\n]{{0,40}}?(?<![A-Za-z]){alternatives('as_trigger')}\s{{0,2}}"
    rf"(?:\w{{1,6}}\s){{0,2}}(?:{_NOUN}|(?<=\s){alternatives('trigger_bare')}(?=\W*$))",
    re.IGNORECASE,
)
_DONE_BY = re.compile(rf"(?:{alternatives('done_by')})\s(?:\w{{1,12}}\s){{0,3}}?(?={GROUPLESS})", re.IGNORECASE)
_IS_BARE = re.compile(
    rf"(?:{_NOUN}|\b(?:the|its)\s{alternatives('trigger_bare')})\s{alternatives('copula')}\s(?:(?:just|simply|always)\s)?"
    r"([\w-]{3,40}(?:(?:,?\s(?:and|or)|,)\s[\w-]{3,40}){0,5})\W{0,3}$",
    re.IGNORECASE,
)
_PUT, _EFFECT = (re.compile(alternatives(name), re.IGNORECASE) for name in ("put", "effect"))
_BARE_WORD = re.compile(
    r"\b(?:word|token|phrase|keyword|tag|wort|mot|palabra|palavra|parola|woord|слово|słowo)\s([\w-]{3,40})",
    re.IGNORECASE,
)
_ORDER = re.compile(
    rf"^[\W\d_]{{0,8}}(?:(?:just|simply|always|please|you (?:should|must|need to)|to use(?: it)?,?)\s)?"
    rf"{alternatives('trigger_order')}[\s*_:]{{0,4}}(?={GROUPLESS})",
    re.IGNORECASE,
)
_PROMPT = re.compile(alternatives("prompt_noun"), re.IGNORECASE)
_BARE_ORDER = re.compile(
    r"\b(?:add|use|include|put|type|write|insert)\s([\w-]{3,40})\s(?:to|in|into|at)\s.{0,30}\bprompts?\b", re.IGNORECASE
)
_LEAD = re.compile(r"^\W{0,8}\*\*[^*\n]{1,40}(?::\*\*|\*\*\s?:)\s{0,4}(?=\w)")
_MAX_ORDERED = 5
_CODE = re.compile(r"[A-Za-z]\d|\d[A-Za-z]|\w_\w")
# Without a vowel and in lower case: nobody means a word of a language, or one of the usual abbreviations.
_NO_VOWEL = re.compile(
    r"(?!(?:n?sfw|hdr|cfg|png|jpg|rgb|vhs|lcm|dpm|sdxl|html|gpt|pls|thx|btw|rhythm)$)(?=.*[a-z])[b-df-hj-np-tv-z-]{4,}"
)
# Of the trigger word a card also says that it is needed, or of what kind it is.
_NO_NAME = re.compile(
    r"(?:\w+(?:ed|al|ary|ory|ing|ful|ble|ive|ant|ent|less)|same|here|below|above|none|not|what|that|this|missing|unknown|"
    r"strong|weak|simple|simply|just|only|also|always|never|everything|anything|nothing|case-\w+|my|your|the|an?)",
    re.IGNORECASE,
)
_IS_WORD = re.compile(
    rf"^\W{{0,6}}(?:(?:the|its|my|das|der|le|la|el|o|il)\s)?{_NOUN}\s{alternatives('copula')}\s(?:(?:just|simply|always)\s)?"
    r"([^\W\d_][\w-]{2,40})\W{0,3}$",
    re.IGNORECASE,
)
_PURPOSE = re.compile(alternatives("purpose"), re.IGNORECASE)


def _labelled_within(sentence: str, _names: Sequence[str]) -> Iterator[str]:
    """Read "Something about it. Trigger: `x`" and "file - trigger: x"."""
    plain = normal(sentence)
    starts = [0, *(match.end() for match in _JOINT.finditer(plain))][:_MAX_JOINTS]
    match = next((found for start in starts if (found := LABELS.before.match(plain[start : start + 400]))), None)
    if match and match[1]:
        yield from of_statement(match[1].rstrip(")]"))


def _named(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read what the sentence itself calls a trigger: quoted words beside the name of the thing."""
    if match := _NAMED_BEFORE.search(sentence) or _DONE_BY.search(sentence):
        yield from of_statement(sentence[match.end() :])
    elif (match := _NAMED_AFTER.search(sentence)) and not NEGATION.search(sentence):
        yield from of_statement(match[1])
    elif match := _IS_BARE.search(sentence):
        bare = re.split(r",?\s(?:and|or)\s|,\s", match[1])
        yield from bare if all(_is_coined(word, names) for word in bare) else ()
    if (match := _IS_WORD.match(sentence)) and not _NO_NAME.fullmatch(match[1]):
        yield match[1]


def _put_in_prompt(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read "use `x` to call the style": one quoted word, a verb for putting it in, and one for what it does."""
    if not (_PUT.search(sentence) and _EFFECT.search(sentence)) or NEGATION.search(sentence):
        return
    found = quoted(sentence)
    if found:
        yield from found if len(found) == 1 or _is_run(sentence) else ()
    elif (match := _BARE_WORD.search(sentence)) and _is_coined(match[1], names):
        yield match[1]


def _ordered(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read "Start your prompt with `x`" and "add `x` to your prompt": one word that nothing else is said to do."""
    if NEGATION.search(sentence):
        return
    # A label in bold is no quoted word.
    sentence = _LEAD.sub("", sentence)
    found = quoted(sentence)
    match = _ORDER.match(sentence)
    verbs = {verb[0].lower() for verb in _PUT.finditer(sentence)} - {"prompt"}
    told = bool(match) or bool(verbs and _PROMPT.search(sentence))
    if told and found and (len(found) == 1 or _is_run(sentence)):
        free = not _PURPOSE.search(sentence)
        yield from (word for word in found if _is_short(word) and (free or _is_coined(word, names)))
    elif not found and (match := _BARE_ORDER.search(sentence)) and _is_coined(match[1], names):
        yield match[1]


def _is_short(word: str) -> bool:
    """Whether a quoted text can be a word, and is not a prompt to try."""
    return "," not in word and len(word.split()) <= _MAX_ORDERED


def _is_run(sentence: str) -> bool:
    """Whether the quoted words of a sentence stand together, with nothing but a connector between."""
    spans = [match.span() for match in QUOTED.finditer(sentence)]
    return all(later[0] - earlier[1] <= 6 for earlier, later in pairwise(spans))  # noqa: PLR2004 - " and "


def _is_coined(word: str, names: Sequence[str]) -> bool:
    """Whether a word is surely a made-up one: part of the names, or unlike any ordinary word."""
    parts = {part for name in names for part in (name.lower(), *re.split(r"[\W_]+", name.lower()))}
    return word.lower() in parts or bool(_CODE.search(word)) or bool(_NO_VOWEL.fullmatch(word))


FORMS: Mapping[str, Form] = {
    "labels within sentences": _labelled_within,
    "what is named in sentences": _named,
    "what is put into the prompt": _put_in_prompt,
    "orders": _ordered,
    "made-up words": coined_words.in_sentence,
    "captions": coined_words.in_caption,
}
