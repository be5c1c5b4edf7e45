"""Base models: from public ids and phrases to one of 72 canonical names; names and rules are in base_models.yaml."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import yaml

from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import alternatives, table

DATA = yaml.safe_load(Path(__file__).with_name("base_models.yaml").read_text(encoding="utf-8"))
NAMES = frozenset(cast("list[str]", DATA["names"]))
# Patterns meet text normalised by `normalise`.
_RULES = [(re.compile(pattern), name) for pattern, name in cast("list[tuple[str, str]]", DATA["rules"])]
# Words that are also ordinary words or subjects: no evidence where they merely occur in a name or a tag.
_AMBIGUOUS = re.compile(
    r"kontext|pony|illustrious|lumina|kolors|anima|happyhorse|counterfeit|klein|^(?:lens|grok|mochi|chroma|nucleus|mai|ernie|upscaler)$"
)
_PLAIN_ENOUGH = re.compile(
    r"pony-?(xl|diffusion|v6|v7|realism)|pdxl|illustrious-?(xl|v\d)|flux.*(kontext|klein)|illustrious-|lumina-?(image|2)"
    r"|klein-(base-)?\db|kolors-(base|diffusers|1)"
)
# In a name its image models are meant; those for language have a version.
_QWEN = re.compile(r"(?:^|[-/])qwen(?=-|$)(?!-\d(?!\d))")
# Families without a name of their own here; a tag or a file name that seems to say more is then mistaken.
_UNNAMED = re.compile(
    r"playground-?v|stable-cascade|wuerstchen|deepfloyd|kandinsky|(?:^|/)sana|omnigen|hunyuan-?image|cogview|cosmos-"
    r"|zeta-chroma|(?:^|/)bria|glm-image|longcat|ovis-image|step1x|janus|bagel|ltx-?(?:v-?|video-?)?2-5"
    r"|(?:^|[/-])(?:llama|mistral|gemma|phi|deepseek|qwen-?[23](?:-\d)?)-?\d"
)
_VERSION = re.compile(r"\bwan[\s_-]?(?:video[\s_-])?2[.-]?(\d)(?!\d)")
_KIND = re.compile(r"(?:^|[-/])(ti2v|i2v|t2v)(?=-|$)")
_OTHER_KIND = re.compile(r"(?:^|[-/])(?:vace|animate|s2v|flf2v|fun)(?=-|$)")
_HUB_PREFIX = re.compile(r"^https?://(?:www\.)?(?:huggingface\.co|hf\.co)/")


def normalise(text: str) -> str:
    """Return a text as the patterns meet it: in lower case, with hyphens, without the hub's address."""
    return re.sub(r"[\s_.]+", "-", _HUB_PREFIX.sub("", text.strip().lower()))


_CANONICAL = {normalise(name): name for name in NAMES}
_BEFORE, _AFTER = alternatives("name_before"), alternatives("name_after")
_CALLED = [
    (name, re.compile(rf"(?:{_BEFORE}-){{0,3}}(?:{called})(?:-?{_AFTER}){{0,4}}"))
    for name, called in table("base_names").items()
]
_MAX_CALLED = 60
# A family within another: who names both means the narrower one.
_WIDER = cast("dict[str, list[str]]", DATA["wider"])


def from_statement(text: str) -> str | None:
    """Return the name that an id or a phrase meant as a base model stands for, or None."""
    normal = normalise(text)
    if normal in _CANONICAL:
        return _CANONICAL[normal]
    return next((name for pattern, name in _RULES if pattern.search(normal)), None)


def is_unnamed(text: str) -> bool:
    """Whether an id is one of a family that has no canonical name, so that nothing else can give it one."""
    return from_statement(text) is None and bool(_UNNAMED.search(normalise(text)))


def called(text: str) -> str | None:
    """Return the name that a whole phrase about the base means, in any of the ways people call the models."""
    phrase = re.sub(r"[\[\](){}*`\"':!]+", "", normalise(text)).strip("-+/~")
    if not phrase or len(phrase) > _MAX_CALLED:
        return None
    if phrase in _CANONICAL:
        return _CANONICAL[phrase]
    exact = [name for name, pattern in _CALLED if pattern.fullmatch(phrase)]
    # The general rules know the narrower name where a phrase fits several.
    ruled = from_statement(phrase)
    return ruled if ruled in exact or (ruled and exact) else exact[-1] if exact else None


def is_name(text: str) -> bool:
    """Whether a whole text is a base model's name, its id, or what people call it, and says nothing else."""
    normal = normalise(text)
    return called(text) is not None or any(pattern.fullmatch(normal) for pattern, _ in _RULES)


def meant(text: str) -> str | None:
    """Return the name that the value of a statement about the base stands for, or None."""
    return from_statement(text) or called(text)


def from_hint(text: str) -> str | None:
    """Return the name that a tag, file or repository name hints at: no single words with other meanings."""
    normal = normalise(text)
    if _AMBIGUOUS.search(normal) and not _PLAIN_ENOUGH.search(normal):
        return None
    return from_statement(text) or ("Qwen" if _QWEN.search(normal) else None)


def in_prose(text: str) -> str | None:
    """Return the name that free text after "trained on" means: an id or an unmistakable name, no ordinary words."""
    normal = normalise(text)
    if _AMBIGUOUS.search(normal) and not (_PLAIN_ENOUGH.search(normal) or "/" in text):
        return called(text)
    return meant(text)


def agreed(texts: Iterable[str]) -> str | None:
    """Return the one name all statements that can be mapped agree on, or None."""
    names = {name for text in texts if (name := from_statement(text))}
    return names.pop() if len(names) == 1 else None


def narrowest(names: Iterable[str]) -> str | None:
    """Return the one name that canonical names agree on: of a family and a narrower one, the narrower."""
    given = set(names)
    left = {name for name in given if not any(name in _WIDER.get(other, ()) for other in given)}
    return left.pop() if len(left) == 1 else None


def sharpened(name: str | None, texts: Iterable[str], body: str) -> str | None:
    """Return the narrower name where a video model's version and its kind stand in different places.

    `texts` are names and tags, the surest first: the first that says a kind decides. The body may say the version.
    """
    normal = [normalise(text) for text in texts]
    versions = {version for text in (*normal, body.lower()) for version in _VERSION.findall(text)}
    if name != "Wan Video" or versions != {"2"} or any(_OTHER_KIND.search(text) for text in normal):
        return name
    kinds = (set(_KIND.findall(text)) for text in normal)
    kind = next((found for found in kinds if found), set[str]())
    return from_statement(f"wan-2-2-{kind.pop()}") if len(kind) == 1 else name
