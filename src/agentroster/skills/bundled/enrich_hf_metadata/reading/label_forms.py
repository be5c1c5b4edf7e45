"""Labels as they stand in cards: alone, in front of a value, and within a question."""

import re
from dataclasses import dataclass

from agentroster.skills.bundled.enrich_hf_metadata.reading.labels import alternatives

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
