"""Recognises what people ask about what was done: what failed, what it was, again, back, what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from agentroster import spelling
from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import expanded
from agentroster.library.names import folded
from agentroster.messages import say

_MAX_CHARACTERS, _MAX_HINTED = 80, 200
_SIGNS = str.maketrans(dict.fromkeys('.,;:!?¿¡…。、？！，；"“”„«»', " "))
_KINDS = ("retry", "failed", "last", "again", "undo", "missing")
_SHORTEST, _LETTERS_A_STEP, _MAX_STEPS = 6, 6, 3


@dataclass(frozen=True, slots=True)
class _Language:
    phrases: Mapping[str, str]
    courtesy: Sequence[str]
    hints: Sequence[tuple[str, str]]
    is_spaced: bool


def meant(text: str) -> str:
    """Return what a whole message asks, as nearly as it is spelt: `failed`, `last`, `again`, `retry`, ...; or "".

    Where two kinds are equally near, none is meant.
    """
    if len(text) > _MAX_CHARACTERS:
        return ""
    plain = _plain(text)
    forms = [(language, _without_courtesy(plain, language)) for language in _languages()]
    for language, form in forms:
        if kind := language.phrases.get(plain) or language.phrases.get(form):
            return kind
    return _near(forms)


def hinted(text: str) -> str:
    """Return what a message that nobody understood is probably about."""
    if len(text) > _MAX_HINTED:
        return ""
    padded = f" {_plain(text)} "
    for language in _languages():
        for hint, kind in language.hints:
            if (f" {hint} " if language.is_spaced else hint) in padded:
                return kind
    return ""


def question(kind: str) -> str:
    """Return how a question of a kind is surely understood."""
    questions = {
        "failed": say("enrich.question_failed"),
        "last": say("enrich.question_last"),
        "again": say("enrich.question_again"),
        "undo": say("enrich.question_undo"),
    }
    return questions.get(kind, say("enrich.question_missing"))


def _near(forms: Sequence[tuple[_Language, str]]) -> str:
    steps: dict[str, int] = {}
    for language, form in forms:
        most = min(_MAX_STEPS, len(form) // _LETTERS_A_STEP)
        if len(form) < _SHORTEST or not most or not language.is_spaced:
            continue
        for phrase, kind in language.phrases.items():
            if abs(len(phrase) - len(form)) <= most and (found := spelling.distance(form, phrase, most)) <= most:
                steps[kind] = min(found, steps.get(kind, found))
    nearest = [kind for kind, found in steps.items() if found == min(steps.values())]
    return nearest[0] if len(nearest) == 1 else ""


def _plain(text: str) -> str:
    return " ".join(folded(text).translate(_SIGNS).split())


def _without_courtesy(text: str, language: _Language) -> str:
    gap = " " if language.is_spaced else ""
    found = True
    while found:
        found = False
        for word in language.courtesy:
            if text.startswith(f"{word}{gap}") and text != word:
                text, found = text[len(word) :].strip(), True
            if text.endswith(f"{gap}{word}") and text != word:
                text, found = text[: -len(word)].strip(), True
    return text


@cache
def _languages() -> tuple[_Language, ...]:
    text = Path(__file__).with_name("asks.yaml").read_text(encoding="utf-8")
    data = cast("dict[str, dict[str, list[str]]]", yaml.load(text, yaml.BaseLoader))  # noqa: S506 - makes texts only
    return tuple(_language(name, lists) for name, lists in data.items())


def _language(name: str, lists: Mapping[str, Sequence[str]]) -> _Language:
    phrases: dict[str, str] = {}
    for kind in _KINDS:
        for pattern in lists[kind]:
            for phrase in expanded(pattern):
                phrases.setdefault(_plain(phrase), kind)
    courtesy = sorted(map(_plain, lists["courtesy"]), key=len, reverse=True)
    hints = [(_plain(word), kind) for kind in _KINDS for word in lists.get(f"hint_{kind}", ())]
    return _Language(phrases, courtesy, hints, name not in {"zh-CN", "zh-TW", "ja"})
