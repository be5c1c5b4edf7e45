"""Reads trigger words that nobody calls by that name: made-up words in a sentence about what to write."""

import re
from collections.abc import Iterator, Sequence

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models
from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_phrases import NEGATION
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import GROUPLESS, quoted
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import alternatives, patterns

_MARKED = re.compile(rf"{GROUPLESS}|(?<![\w*])\*(?![\s*])[^*\n]{{2,60}}(?<![\s*])\*(?![\w*])")
_CLAUSE = re.compile(r"(?<=[;.!?。！？])\s|[,，、](?![`\"”»」*])\s?|\s[-–—]\s|\b(?:but|or|aber|oder|mais|pero|но)\b")
_ABOUT_WRITING = re.compile(
    rf"{alternatives('put')}|{alternatives('prompt_noun')}|{alternatives('trigger', 'trigger_bare')}"
    r"|\b(?:say|keep|words?|tokens?|tags?|important part)\b|слов[оа]",
    re.IGNORECASE,
)
# What is to be left out, or was only tried.
_NOT_ABOUT_IT = re.compile(
    rf"\bneg(?:ative|ativo|ativ|\.)?\b|негатив|ネガティブ|负面|反向|네거티브|\b(?:older|old|previous|former|other)\b"
    rf"|\bcompatib|\btested\b|\brecommend|{alternatives('sample_prompt')}",
    re.IGNORECASE,
)
_TRIGGER_IS = re.compile(
    rf"(?:{alternatives('trigger')}|\b(?:the )?{alternatives('trigger_bare')})\s{alternatives('copula')}\s"
    r"([\w-]{3,30}(?: [\w-]{2,20}){0,2})\s?(?=[,.;(。]|$)",
    re.IGNORECASE,
)
_MATTERS = re.compile(
    r"\b(?:word|token|part|tag|thing)\b(?: that)?(?: \w{2,12}){0,2} (?:is|are|=) ([\w-]{4,30})\W{0,3}$", re.IGNORECASE
)
_CAPTIONED = re.compile(
    r"\bcaption\w{0,4}\b.{0,40}\b(?:every|each|all|same)\b|\b(?:every|each|all)\b.{0,20}\bcaptions?\b", re.IGNORECASE
)
# Between letters; "i2v", "img2img" and "a14b" are no such words.
_DIGITS_INSIDE = re.compile(r"[a-z]\d+[a-z]|\b\d+[a-z]+\d", re.IGNORECASE)
_CONVERSION = re.compile(
    r"(?:t|i|ti|s|v|txt|img|vid|text|image|video|a)2(?:v|i|t|img|vid|video|image|txt)", re.IGNORECASE
)
_TECHNICAL = re.compile(
    r"(?:\d+(?:k|p|px|fps|mm|gb|girls?|boys?|d|steps?|x\d*)|[a-z]?\d+(?:[bmk]|gb|mb|bit)?|e\dm\d\w*|[bn]?fp?\d\w*|q\d(?:k\w*)?|int\d+|v\d\w*|sdxl\w*|dpm\w*|"
    r"n?sfw|hdr|cfg|lcm|html|gguf|https?|xformers|rhythms?|pls|thx|btw|gpt|.*_.*|flux\w*|pony\w*|wan\w*|qwen\w*|ltx\w*)",
    re.IGNORECASE,
)
_NO_VOWEL = re.compile(r"(?=.*[a-z])[b-df-hj-np-tv-xz]{4,}")
_NO_VOWEL_SHORT = re.compile(
    r"(?!(?:jpg|png|rgb|vhs|dvd|crt|mtg|dnd|npc|pvc|cgi|tv|hd|nr|mrs?|dr|vs)$)[b-df-hj-np-tv-xz]{3}"
)
_VOWELS = re.compile(r"[aeiouy\W\d_]", re.IGNORECASE)
_ORDINARY = frozenset(patterns("ordinary_in_names"))
_LATIN = re.compile(r"(?<![\w/.<-])[a-z][a-z0-9_-]{3,30}(?: [a-z][a-z0-9_-]{2,20}){0,2}(?![\w/>-]|\.\w)")
_OTHER_SCRIPT = re.compile(r"[\u0400-\u04ff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_MOST_WORDS, _MOST_CAPTION, _SHORTEST, _FEWEST_OTHER, _CONNECTOR = 4, 8, 3, 6, 6


def in_sentence(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the made-up words of a sentence that says what to write, each from a clause that denies nothing."""
    if not _ABOUT_WRITING.search(sentence):
        return
    clauses = [one for one in _CLAUSE.split(sentence) if not (NEGATION.search(one) or _NOT_ABOUT_IT.search(one))]
    if _MARKED.search(sentence):
        for run in (run for clause in clauses for run in _runs(clause)):
            yield from run if any(is_coined(word, names) for word in run) else ()
        return
    for clause in clauses:
        yield from _bare(clause, names)


def in_caption(sentence: str, _names: Sequence[str]) -> Iterator[str]:
    """Yield the phrase that every caption had: "I captioned every pair with the same sentence: `x`"."""
    match = _CAPTIONED.search(sentence)
    found = list(dict.fromkeys(quoted(sentence[match.end() :]))) if match and not NEGATION.search(sentence) else []
    yield from (word for word in found if len(found) == 1 and len(word.split()) <= _MOST_CAPTION)


def is_coined(words: str, names: Sequence[str]) -> bool:
    """Whether words are surely made up for the model: part of the names, or unlike the words of any language."""
    if base_models.called(words) or base_models.from_hint(words):
        return False
    squeezed = re.sub(r"[\W_]+", "", words.lower())
    if re.search("[a-z]{3}", squeezed) and any(squeezed in re.sub(r"[\W_]+", "", name.lower()) for name in names):
        return squeezed not in _ORDINARY
    parts = {part for name in names for part in re.split(r"[\W\d_]+", name.lower())} - _ORDINARY
    several = words.split()
    return any(_is_made_up(word, parts) or (several[1:] and _NO_VOWEL_SHORT.fullmatch(word)) for word in several)


def _is_made_up(word: str, parts: set[str]) -> bool:
    plain = word.lower().strip("<>()[]`'\"*,")
    if (
        len(re.findall("[a-z]", plain)) < _SHORTEST
        or _TECHNICAL.fullmatch(plain)
        or _CONVERSION.fullmatch(plain)
        or plain in _ORDINARY
    ):
        return False
    if plain in parts and len(plain) >= _SHORTEST:
        return True
    return bool(_DIGITS_INSIDE.search(plain) or _NO_VOWEL.fullmatch(plain) or _is_shortened(plain, parts))


def _is_shortened(word: str, parts: set[str]) -> bool:
    """Whether a word is a part of the names without some of its vowels: "almnc" of "almanac"."""
    skeleton = _VOWELS.sub("", word)
    return len(skeleton) >= _SHORTEST and any(
        skeleton == _VOWELS.sub("", part) and len(word) < len(part) for part in parts
    )


def _runs(clause: str) -> Iterator[list[str]]:
    """Yield the marked words of a clause, those together that have nothing but a connector between them."""
    run: list[str] = []
    end = 0
    for match in _MARKED.finditer(clause):
        if run and match.start() - end > _CONNECTOR:
            yield run
            run = []
        word = match[0].strip("`\"'“”„«»「」『』*‘’ ").rstrip(",.")
        run += [word] if len(word.split()) <= _MOST_WORDS else []
        end = match.end()
    if run:
        yield run


def _bare(clause: str, names: Sequence[str]) -> Iterator[str]:
    """Yield a word without marks: behind "trigger is", as what matters, or the one Latin word of another script."""
    for match in (_TRIGGER_IS.search(clause), _MATTERS.search(clause)):
        if match and is_coined(match[1], names):
            yield match[1]
            return
    if len(_OTHER_SCRIPT.findall(clause)) >= _FEWEST_OTHER:
        found = [word for word in _LATIN.findall(clause) if not _is_known(word)]
        yield from found if len(found) == 1 else ()
        return
    found = {
        word for word in re.findall(r"(?<![\w/.@-])[a-z\d-]{4,30}(?![\w/'’-])", clause) if _is_made_up(word, set())
    }
    yield from found if len(found) == 1 else ()


def _is_known(words: str) -> bool:
    return bool(
        base_models.from_statement(words)
        or any(_TECHNICAL.fullmatch(word) or word in _ORDINARY for word in words.lower().split())
    )
