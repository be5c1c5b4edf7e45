"""Compiles the labels that cards put before what they state, in many languages; the data is in labels.yaml."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import yaml


@cache
def _groups() -> Mapping[str, Mapping[str, Sequence[str]] | Sequence[str]]:
    return cast(
        "Mapping[str, Mapping[str, Sequence[str]] | Sequence[str]]",
        yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text(encoding="utf-8")),
    )


def patterns(name: str) -> Sequence[str]:
    """Return everything that the data lists under a name."""
    group = _groups()[name]
    return [pattern for one in group.values() for pattern in one] if isinstance(group, Mapping) else group


def alternatives(*names: str) -> str:
    """Return one expression for everything the data lists under these names."""
    return "(?:" + "|".join(pattern for name in names for pattern in patterns(name)) + ")"


def each(name: str) -> list[re.Pattern[str]]:
    """Return the expressions under a name one by one; for those with a group of their own."""
    return [re.compile(pattern, re.IGNORECASE) for pattern in patterns(name)]


def table(name: str) -> dict[str, str]:
    """Return the mapping under a name, with one expression for each key."""
    return {key: "|".join(patterns) for key, patterns in cast("Mapping[str, Sequence[str]]", _groups()[name]).items()}


def column_head(*names: str) -> re.Pattern[str]:
    """Return the expression for the head of a table's column that is one of these labels, or two of them."""
    one = alternatives(*names)
    return re.compile(rf"^[\W_]{{0,4}}{one}(?:[\s/|(,]{{1,3}}{one}\)?)?[\W_]{{0,4}}$", re.IGNORECASE)


def normal(text: str) -> str:
    """Return text as labels are compared: full and half width alike."""
    return unicodedata.normalize("NFKC", text)


_NOT = alternatives("not_trigger")
# What stands between a label and its value: a colon, an arrow, or a dash before a quoted word.
ARROW = r"(?:[-=~]{1,3}>|>{1,3}|[→➜➔➡⇒▶►👉👇⇨»])\ufe0f?"
# Without any of these the label must be bold or in brackets, or a dash lead to a few words that end the line.
_FEW_WORDS = r"\S{1,60}(?:[ ]\S{1,40}){0,2}\s*$"
_SEPARATOR = (
    rf"(?:[:=]{{1,2}}>?|{ARROW}|[】〕]:?|[-–—](?=[\s*_]{{1,4}}[`\"“«「『'‘])"
    rf"|(?<=\s)[-–—](?=[ ]{{1,4}}{_FEW_WORDS})|(?<=\*\*)(?=[ ]{{1,4}}(?:{_FEW_WORDS}|[`\"“«「『]))(?<!\w))"
)
_DETAIL = rf"(?:\s?(?:{alternatives('label_detail')})[^\n.:=?!]{{0,40}})?"


@dataclass(frozen=True, slots=True)
class Labels:
    """Expressions for one kind of label: alone, in front of a value, and in a question."""

    alone: re.Pattern[str]
    before: re.Pattern[str]
    asked: re.Pattern[str]

    @classmethod
    def of(cls, *names: str, asked: str = "", most_words_before: int = 2) -> "Labels":
        """Compile the labels that the data lists under these names."""
        one = alternatives(*names)
        label = rf"(?:{one})(?:[\s/|(,]{{1,3}}(?:{one})\)?)?"
        lead = rf"^[\W\d_]{{0,12}}(?:(?!(?:{_NOT})\b)\w{{1,20}}\s){{0,{most_words_before}}}?"
        return cls(
            alone=re.compile(
                rf"{lead}{label}{_DETAIL}[^\w\n]{{0,8}}(?:\([^()\n]{{0,80}}\)[^\w\n]{{0,8}})?$", re.IGNORECASE
            ),
            before=re.compile(
                rf"{lead}{label}[*_`\"'\s]{{0,6}}(?:\([^()\n]{{0,80}}\)[*_`\s]{{0,6}})?"
                rf"{_DETAIL}(?:{alternatives('copula')}\s?)?{_SEPARATOR}\s{{0,4}}[*_]{{0,4}}\s{{0,4}}(\S.*)?$",
                re.IGNORECASE,
            ),
            asked=re.compile(rf"^[^?]{{0,80}}?{alternatives(asked)}[^?]{{0,60}}\?", re.IGNORECASE)
            if asked
            else re.compile(r"(?!)"),
        )
