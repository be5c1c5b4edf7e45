"""Reads the one base model that a phrase names; none where the phrase is about training data, or denies it."""

import re
from collections.abc import Iterator

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import alternatives

NEGATION = re.compile(alternatives("negation"), re.IGNORECASE)
_DATA = re.compile(rf"(?<![A-Za-z-]){alternatives('data_nouns')}(?![a-z])", re.IGNORECASE)
_NAME_WITH_DATA = re.compile(
    r"(?:z|qwen|ernie|lumina|nucleus|wan|mai|boogu|hunyuan|ltx|cog|stable)[\s_-]?(?:image|img|video)(?![a-z])",
    re.IGNORECASE,
)
_VAGUE = re.compile(rf"\W{{0,3}}{alternatives('vague_family')}\W{{0,3}}", re.IGNORECASE)
_AND = re.compile(r"\s(?:and|or|und|oder|et|ou|y|o|e|и|или|en|i)\s|\s?[&+、和與与とや및]\s?|\s/\s")
_END = re.compile(
    r"[,;(。，、]|[.!]\s|\b(?:with|for|avec|mit|con|com|met|med|für|pour|para|с|at|using|because|since|but|which|while|so"
    r"|then|via|until|after|that|to|who|where|on|by|unless|through|instead|and not|in \d)\b|\sw/|\|"
    r"|\s#\s|\s[-–—]\s|\s\w{1,6}[''’]"
)


def in_prose(phrase: str) -> Iterator[str]:
    """Yield the one name that a phrase of a sentence means; none where it names several."""
    text = plain(phrase)
    parts = _AND.split(text)
    found = {name for one in parts if (name := base_models.in_prose(one))}
    if any(_VAGUE.fullmatch(one) and base_models.in_prose(one) is None for one in parts):
        return
    if (name := base_models.narrowest(found)) and not (
        NEGATION.search(text) or _DATA.search(_NAME_WITH_DATA.sub(" ", text))
    ):
        yield name


def exactly(phrase: str) -> Iterator[str]:
    """Yield the one name that all of a phrase means, where a looser reading could mean the subject."""
    text = re.sub(r"^(?:an?|the|this)\s", "", plain(re.split(r":\s", phrase)[0]), flags=re.IGNORECASE)
    parts = [one.strip() for one in _AND.split(text)]
    names = {base_models.called(one) or (base_models.meant(one) if "/" in one else None) for one in parts}
    is_name = bool(re.search(r"[A-Z\d]", text))
    yield from (name for name in names if name and len(names) == 1 and is_name and not NEGATION.search(text))


def in_value(value: str) -> Iterator[str]:
    """Yield the names in the value of a label; a narrower one may stand in brackets behind."""
    text = plain(value)
    name = base_models.meant(text)
    if not name or NEGATION.search(text):
        return
    if len(parts := [base_models.meant(one) for one in _AND.split(text)]) > 1 and all(parts):
        yield from (part for part in parts if part)
        return
    inner = re.search(r"[(\[]([^()\[\]]{2,40})[)\]]", value)
    narrower = base_models.called(inner[1]) if inner else None
    yield base_models.narrowest({name, narrower} - {None}) or name if narrower else name


def plain(phrase: str) -> str:
    """Return the beginning of a phrase that can be a name, without its marks."""
    phrase = re.sub(r"\[([^\[\]]{0,300})\]\([^()]{0,500}\)", r"\1", phrase)
    phrase = re.sub(r"[*_`\"]{1,2}(?=\W|$)|(?<=\W)[*_`\"]{1,2}|^[*_`\"]+", "", phrase)
    return _END.split(phrase)[0].strip().rstrip(".!")
