"""Reads how strongly a file is to be used, and the clip skip: from what a card or header recommends."""

import json
import re
from collections.abc import Iterator, Mapping

from agentroster.builtin.skills.enrich_hf_metadata.deciding import header_rules
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source, spoken
from agentroster.builtin.skills.enrich_hf_metadata.reading.statements import is_data

_NUMBER = r"(\d(?:[.,]\d{1,2})?)(?![\d.,]*\d)"
_RANGE = rf"{_NUMBER}(?:\s{{0,2}}(?:-|–|—|~|\.\.|to|and|bis)\s{{0,2}}{_NUMBER})?"
_GOOD = (
    r"(?:recommend\w{0,6}|suggest\w{0,4}|best|optimal|ideal|prefer\w{0,4}|good|default|works? (?:well|best|fine|great))"
)
_THING = r"(?:(?:lora|model)[\s_-]?)?(?:strength|weight|scale|multiplier)"
# A label of its own line, or a recommendation within a sentence.
_LABEL = re.compile(
    rf"^[\s>*_|•+-]{{0,8}}(?:{_GOOD} )?{_THING}s?(?: range)?"
    rf"[\s*_|]{{0,4}}[:=|][\s*_|`~≈]{{0,6}}(?:around |about )?{_RANGE}"
    rf"[\s*_|`.)]{{0,6}}(?:$|\(|,)",
    re.IGNORECASE,
)
_IS = r"(?:[\s`*~≈:=]|\b(?:of|is|are|at|between|from|around|about|range|to|be|should|roughly|set)\b){1,8}?"
_SENTENCE = (
    re.compile(rf"\b{_GOOD}\b[^.\n]{{0,40}}\b{_THING}s?\b{_IS}{_RANGE}", re.IGNORECASE),
    re.compile(rf"\b(?:use|set|try|keep|with)\b[^.\d\n]{{0,40}}\b{_THING}s?\b{_IS}{_RANGE}", re.IGNORECASE),
    re.compile(rf"\b{_THING}s?\b{_IS}{_RANGE}[^.\n]{{0,30}}\b{_GOOD}\b", re.IGNORECASE),
)
_UNIT = re.compile(r"\s?(?:gb|mb|%|steps?\b|e-)", re.IGNORECASE)
# What has a strength, weight or scale of its own, and forms in which sample pictures tell their settings.
_OTHER = re.compile(
    r"\b(?:cfg|guidance|denois\w*|decay|control-?net|ip-?adapter|negative|embedding|hires|upscal\w*|image weight"
    r"|seed|sampler|learning|lr|loss|training|trained|alpha|rank|dim|noise|vae|model size|download|other|another|second"
    r"|don'?t|not|avoid|never|above|over|below|under|less than|more than|higher than|lower than|too)\b|<lora:",
    re.IGNORECASE,
)
_NAMED = re.compile(r"strength|weight|scale|multiplier", re.IGNORECASE)
_CLIP_SKIP = re.compile(r"\bclip[\s_-]?skip\b\s?(?:of|to|is|at)?[\s:=|*_`]{0,6}-?(\d{1,2})\b", re.IGNORECASE)
_SAMPLE = re.compile(r"\b(?:seed|sampler|steps)\s?:|<lora:|\b(?:size|model hash)\s?:", re.IGNORECASE)
_MOST, _MAX_CLIP_SKIP, _MAX_LINES, _MAX_LINE = 2.0, 12, 3_000, 600
_BEFORE = 24


def usage_tips(source: Source) -> Mapping[str, float | int]:
    """Return `strength`, or `strength_min` and `strength_max`, and `clip_skip`, as LoRA Manager names them.

    A value counts where nothing that is said contradicts it. The card goes before the header, and that before what
    other programs noted.
    """
    texts = [spoken(part.text) for part in source.parts] if source.is_collection else [source.body]
    tips: dict[str, float | int] = {}
    for text in (*texts, header_rules.description(source.header)):
        for found in (_strength(text), _clip_skip(text)):
            tips = {**found, **tips} if not set(found) & set(tips) and not _is_strength(found, tips) else tips
    noted = next((peer.strength for peer in source.peers if peer.strength), 0)
    return tips if not noted or _is_strength({"strength": noted}, tips) else {"strength": noted, **tips}


def as_text(tips: Mapping[str, float | int]) -> str:
    """Return the tips as a sidecar holds them: a JSON object as a text; empty where there are none."""
    return json.dumps(dict(sorted(tips.items()))) if tips else ""


def _is_strength(found: Mapping[str, float | int], tips: Mapping[str, float | int]) -> bool:
    return any(name.startswith("strength") for name in found) and any(name.startswith("strength") for name in tips)


def _strength(text: str) -> Mapping[str, float | int]:
    found = set(_stated(text))
    if len(found) != 1:
        return {}
    low, high = found.pop()
    return {"strength": low} if low == high else {"strength_min": low, "strength_max": high}


def _stated(text: str) -> Iterator[tuple[float, float]]:
    for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]:
        short = line[:_MAX_LINE]
        if not _NAMED.search(short) or is_data(short) or _SAMPLE.search(short):
            continue
        for pattern in (_LABEL, *_SENTENCE):
            match = pattern.search(short)
            if (
                match
                and not _OTHER.search(short[max(0, match.start() - _BEFORE) : match.end()])
                and not _UNIT.match(short, match.end())
            ):
                low, high = float(match[1].replace(",", ".")), float((match[2] or match[1]).replace(",", "."))
                if 0 < low <= high <= _MOST:
                    yield low, high
                break


def _clip_skip(text: str) -> Mapping[str, float | int]:
    lines = (line[:_MAX_LINE] for line in text.split("\n", _MAX_LINES)[:_MAX_LINES])
    found = {int(value) for line in lines if not _SAMPLE.search(line) for value in _CLIP_SKIP.findall(line)}
    return {"clip_skip": found.pop()} if len(found) == 1 and found <= set(range(1, _MAX_CLIP_SKIP + 1)) else {}
