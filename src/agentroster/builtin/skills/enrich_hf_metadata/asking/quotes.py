"""Checks quotes of a language model: they stand in the card, and say there what the model read from them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models
from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_phrases import NEGATION
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import quoted
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import alternatives, normal
from agentroster.builtin.skills.enrich_hf_metadata.reading.markdown import FENCE, cells_of
from agentroster.builtin.skills.enrich_hf_metadata.reading.statements import is_data

_MARKS = re.compile(r"[*_`\"'“”„«»「」『』‘’|>#]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[*_\"')\]]{0,3}\s+|(?<=[。！？])")
_TITLE = re.compile(r"^\s{0,3}#{1,6}\s")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s")
_MAX_SENTENCES, _MAX_PLACES, _MAX_TOKENS, _MAX_NAME = 1_500, 20, 60, 6
_PAIR = 2
# Words that carry meaning; one by one the signs of scripts without blanks.
_STEM, _FEWEST_UNITS = 5, 2
# Of any model card all this is true.
_GENERAL = re.compile(
    r"(?:model|image|picture|train|weight|prompt|generat|diffus|stable|style$|about|these|which|their|using)"
)
_UNITS = re.compile(
    r"[^\W\d_\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{5,}|[\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)
# Who mentions a model like this was not trained on it, or tells others what to write.
_IN_PASSING = re.compile(
    "|".join(alternatives(name) for name in ("only_works", "other_model", "mention", "order")), re.IGNORECASE
)
_PUT, _PROMPT, _SAMPLE = (
    re.compile(alternatives(name), re.IGNORECASE) for name in ("put", "prompt_noun", "sample_prompt")
)
_ABOUT_WORDS = re.compile(
    alternatives("trigger", "trigger_bare", "trigger_order", "effect", "done_by")
    + rf"|(?<!\w){alternatives('trigger_key')}(?!\w)",
    re.IGNORECASE,
)
_LABEL = re.compile(rf"^\W*{alternatives('base', 'base_weak')}\W*$", re.IGNORECASE)
_COUNT = re.compile(r"\d{2,}")
_TOKEN = re.compile(r"[\w./+-]+")
# Names by themselves of other things too: they count beside a word for a model.
_VAGUE = frozenset(
    """qwen wan pony illustrious chroma mochi anima kolors lumina lens noob il ill illu ilxl xl f1 k2 schnell nai
    kontext krea hidream ernie nucleus mai klein flux sd""".split()  # noqa: SIM905 - a list of words is read as a text
)
_MODEL_NOUN = re.compile(
    r"(?:base|models?|loras?|checkpoints?|ckpt|xl|family|one|version|weights|unet|transformer|finetune|merge)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence as it is compared, and the title or opening line that it stands under."""

    text: str
    above: str
    is_code: bool
    is_row: bool
    is_data: bool


def says_base(name: str, quote: str, text: str) -> bool:
    """Whether a quote stands in the text and names this base model, not in passing, not denied, and by no order."""
    places = _places(quote, text)
    spoken = [one for place in places for one in place]
    if not spoken or any(one.is_code or one.is_data or one.is_row or _in_passing(one) for one in spoken):
        return False
    # Of the whole sentences, so that no half of a name or of a list is taken for all of it.
    whole = " . ".join(one.text for one in spoken)
    return all(base_models.narrowest(_named(text)) == name for text in (quote, whole))


def says_words(words: Sequence[str], quote: str, text: str) -> list[str]:
    """Return the words that stand in a quote which stands in the text, at a place about words for the prompt."""
    said = " ".join(part for place in _places(quote, text) if (part := _said_of_words(place)))
    codes = {_folded(code) for code in quoted(quote)} if said else set[str]()
    named = [word for word in words if not (_ABOUT_WORDS.search(word) or _LABEL.search(word) or _is_id(word))]
    return [
        word for word in named if _folded(word) in codes or (_folded(word) in said and _folded(word) in _folded(quote))
    ]


def _is_id(word: str) -> bool:
    """Whether a word is the address of a base model."""
    return "/" in word and " " not in word and base_models.from_statement(word) is not None


def is_about(text: str, card: str) -> bool:
    """Whether at least half of the meaningful words of a text occur in the card, whatever their endings."""
    known = normal(card).lower()
    units = [unit[:_STEM] for unit in _UNITS.findall(normal(text).lower()) if not _GENERAL.match(unit)]
    borne_out = sum(unit in known for unit in units)
    return borne_out >= _FEWEST_UNITS and borne_out * 2 >= len(units)


def _in_passing(one: _Sentence) -> bool:
    return any(_IN_PASSING.search(text) or NEGATION.search(text) for text in (one.text, one.above))


def _said_of_words(place: Sequence[_Sentence]) -> str:
    """Return what a place says behind the name of the thing, or behind the order to put it into the prompt."""
    texts = [text for one in place for text in (one.text, one.above)]
    if any(one.is_data for one in place) or any(_SAMPLE.search(text) or NEGATION.search(text) for text in texts):
        return ""
    above, said = " ".join(dict.fromkeys(one.above for one in place)), " ".join(one.text for one in place)
    if _ABOUT_WORDS.search(above):
        return said
    match = _ABOUT_WORDS.search(said) or (_PUT.search(said) if _PROMPT.search(f"{above} {said}") else None)
    return said[match.end() :] if match else ""


def _places(quote: str, text: str) -> list[list[_Sentence]]:
    """Return the sentences of each place where a quote stands; none when it stands nowhere."""
    wanted = _folded(quote)
    if len(wanted) <= 1:
        return []
    found: list[list[_Sentence]] = []
    sentences = list(_sentences(text))
    joined, starts = "", list[int]()
    for one in sentences:
        starts.append(len(joined))
        joined += f"{one.text} "
    position = joined.find(wanted)
    while position >= 0 and len(found) < _MAX_PLACES:
        end = position + len(wanted)
        found.append([one for one, start in zip(sentences, starts, strict=True)
                      if start < end and start + len(one.text) > position])  # fmt: skip
        position = joined.find(wanted, end)
    return found


def _sentences(text: str) -> Iterator[_Sentence]:
    """Yield the sentences of all paragraphs, list items and table rows, in order."""
    above, is_code, count = "", False, 0
    for line, block in _blocks(text):
        if FENCE.match(line):
            is_code = not is_code
            continue
        is_row = line.lstrip().startswith("|") and len(cells_of(line)) >= _PAIR
        for sentence in _SENTENCE_END.split(block):
            if folded := _folded(sentence):
                yield _Sentence(folded, above, is_code, is_row, not is_code and is_data(block))
                count += 1
        if _TITLE.match(line) or block.rstrip("*_ ").endswith((":", "：")):
            above = _folded(block)
        if count > _MAX_SENTENCES:
            return


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield each paragraph, item, title and row as its first line and its whole text."""
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        alone = not line.strip() or bool(
            _TITLE.match(line) or _ITEM.match(line) or FENCE.match(line) or "|" in line[:3]
        )
        if block and (alone or ": " in line[:40] or _TITLE.match(block[0]) or FENCE.match(block[0])):
            yield block[0], " ".join(block)
            block = []
        if line.strip():
            block.append(line)


def _named(quote: str) -> set[str]:
    """Return the base models that a text names, by any spelling that is surely one of a model."""
    tokens = _TOKEN.findall(normal(_MARKS.sub(" ", quote)))[:_MAX_TOKENS]
    found: set[str] = set()
    start = 0
    while start < len(tokens):
        for end in range(min(len(tokens), start + _MAX_NAME), start, -1):
            phrase = " ".join(tokens[start:end])
            name = _name_of(phrase.rstrip("."), [*tokens[max(0, start - 1) : start], *tokens[end : end + 1]])
            if name:
                found.add(name)
                start = end - 1
                break
        start += 1
    return found


def _name_of(phrase: str, beside: Sequence[str]) -> str | None:
    core = [word for word in phrase.lower().split() if not _COUNT.fullmatch(word)]
    if " ".join(core) in _VAGUE and not any(_MODEL_NOUN.fullmatch(word.strip(".")) for word in beside):
        return None
    if "/" in phrase and " " not in phrase:
        return base_models.from_statement(phrase)
    return base_models.called(phrase)


def _folded(text: str) -> str:
    return " ".join(_MARKS.sub(" ", normal(text)).lower().split())
