"""Splits a statement into words, quoted or plain; settings, placeholders and other noise are left out."""

import re
from collections.abc import Iterable
from itertools import takewhile

from agentroster.builtin.skills.enrich_hf_metadata.reading.file_names import WEIGHT_NAME
from agentroster.builtin.skills.enrich_hf_metadata.reading.labels import alternatives

_QUOTE = (
    r"(?:`+([^`\n]{1,300})`+|\"([^\"\n]{1,300})\"|“([^“”\n]{1,300})[”“]|„([^„“”\n]{1,300})[“”]|«\s?([^«»\n]{1,300}?)\s?»"
    r"|「([^「」\n]{1,300})」|『([^『』\n]{1,300})』|\*\*([^*\n]{1,300})\*\*"
    r"|(?<!\w)[‘']([^‘’'\n]{2,100})[’'](?!\w))"
)
QUOTED = re.compile(_QUOTE)
_BOLD_LABEL = re.compile(r"\*\*[^*\n]{1,60}(?::\*\*|\*\*\s?:)")
GROUPLESS = re.sub(r"(?<!\\)\((?!\?)", "(?:", _QUOTE)
PLACEHOLDER = re.compile(
    r"^(?:none|null|n/?a|nil|no|nothing|false|tbd|todo|[-–—.]{0,5}|"
    r"无|無|なし|없음|нет|keine?s?|aucun|ninguna?|不需要|不要|必要なし)[.!。]?$",
    re.IGNORECASE,
)
# A statement that begins like this says that there are no words, whatever it goes on to say.
NONE_NEEDED = re.compile(rf"^[\W_]{{0,8}}{alternatives('none_needed')}", re.IGNORECASE)
SETTING = re.compile(
    r"\b(?:strength|weight|cfg|steps?|sampler|guidance|negative|resolution|recommended|clip skip)\b|"
    r"强度|権重|強度|权重",
    re.IGNORECASE,
)
_NOT_WORDS = re.compile(r"<(?:lora|lyco|lycoris|hypernet):[^>]*>|https?://|!\[")
_TOKENS = re.compile(r"(?:<[\w-]{1,60}>)+")
_QUALITY = re.compile(
    r"^(?:masterpiece|best quality|high quality|amazing quality|very aesthetic|absurdres|highres|8k|4k|"
    r"(?:score|rating|source)_\w+)$",
    re.IGNORECASE,
)
# Names of samplers, and paths: they are put somewhere, too.
_TECHNICAL = re.compile(
    r"(?:k_)?(?:dpm(?:pp|\+\+)?|euler|ddim|ddpm|lms|heun|uni_?pc|karras|res_multistep)\d?(?:[ _+-]+[\w+]+){0,4}"
    r"|(?=.*/)(?:[\w.~-]+|\.{1,2})?(?:/[\w.-]+)+/?",
    re.IGNORECASE,
)
# What is quoted after the words themselves and is none of them.
_ASIDE = re.compile(
    r"\b(?:not|instead of|rather than|e\.?g\.|for example|such as|optional(?:ly)?|negative|example|"
    r"z\.? ?B\.)(?!\w)|例如|たとえば|例えば",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"^(?:see|any|your|the (?:same|word)|same|described|listed|as |below|above|check|just|simply|please|read|refer|"
    r"depends|various|multiple|you |it |this |there |optional|yes)\b|[?]$",
    re.IGNORECASE,
)
_MAX_WORDS, _MAX_WORD, MAX_PLAIN = 40, 300, 8
# A form that nobody filled in: "[INSERT TRIGGER WORD]", "<your trigger>", "YOUR_TOKEN_HERE".
_SETTING = (
    r"\b(?:strength|weight|cfg|steps?|sampler|guidance)\s?[:=~]?\s?\d|^(?:[GRS]E?I?LU|swish|tanh|sigmoid|softmax)$"
)
_SETTING_VALUE = re.compile(rf"{_SETTING}|^\w{{2,20}}\s?[:=]\s", re.IGNORECASE)
# Behind a key there is no other one: "zxq: a portrait" is a prompt there.
_KEYED_SETTING = re.compile(_SETTING, re.IGNORECASE)
_NOTE = re.compile(
    rf"\s?[(（](?:[^()（）]{{0,40}}\b)?{alternatives('note')}[^()（）]{{0,40}}[)）]|\s[-–—]\s.*$|\s?\|.*$",
    re.IGNORECASE,
)
_FORM = re.compile(alternatives("unfilled"), re.IGNORECASE)
_BRACKETED = re.compile(r"^(?:\[.*\]|<.*>|\{.*\}|【.*】|\(.*\))$")
_MARKS = r"[→➜➔➡⇒▶►👉👇⇨←⬅👈«»✨⭐🌟🔥❗\ufe0f\s]"
_FRAME = re.compile(rf"^(?:[<>]{{2,}}|[-=~]{{1,3}}>|{_MARKS})+|(?:[<>]{{2,}}|<[-=]{{1,3}}|{_MARKS})+$")


def of_statement(statement: str, *, is_phrase: bool = False) -> list[str]:
    """Return the words that the value of a label states; a phrase is one of them, with its commas."""
    statement = _NOT_WORDS.sub(" ", re.sub(r"^[\s>*•+-]{0,8}positive:", "", statement, flags=re.IGNORECASE)).strip()
    if NONE_NEEDED.match(statement):
        return []
    found = quoted(statement)
    if found:
        return [part for text in found for part in (split(text) if len(found) == 1 and not is_phrase else [text])]
    # A sentence after the words is no word.
    first = re.split(r"\.\s+(?=[A-ZА-Я])|。", statement, maxsplit=1)[0]
    first = _NOTE.sub("", first)
    plain = split(re.sub(r"^[\s*_>•\-]{1,12}|[\s*_]{1,12}$|\s#\s.*$", "", first))
    # In a line with everything in it the list ends where the settings begin.
    plain = [*takewhile(lambda part: not _SETTING_VALUE.search(part), plain)] or plain
    plain = [", ".join(plain)] if is_phrase else plain
    return [] if _PROSE.search(first.strip()) else [word for word in plain if len(word.split()) <= MAX_PLAIN]


def quoted(text: str) -> list[str]:
    """Return the quoted words of a statement up to its end, or to where it goes on to something else."""
    found: list[str] = []
    end = 0
    for match in QUOTED.finditer(text):
        if _BOLD_LABEL.match(text, match.start()):
            end = match.end()
            continue
        between = text[end : match.start()]
        if found and (re.search(r"[.!?。]\s|[。]", between) or _ASIDE.search(between) or SETTING.search(between)):
            break
        found.append("".join(group or "" for group in match.groups()).strip())
        end = match.end()
    return found


def split(text: str) -> list[str]:
    """Return the words of a list with commas."""
    return re.split(r"\s*[,，、;；\n]\s*|\s/\s", text) if re.search(r"[,，、;；\n]|\s/\s", text) else [text]


def clean(words: Iterable[str], *, is_keyed: bool = False) -> list[str]:
    """Return the words without marks, doubles and noise; `is_keyed` where a key names them, and no label in a text."""
    cleaned: dict[str, None] = {}
    for word in words:
        text = _FRAME.sub("", " ".join(word.split())).lstrip("`\"'“”* ").rstrip("`\"'“”*.。 ")
        if text and not PLACEHOLDER.match(text) and not _is_noise(text, _KEYED_SETTING if is_keyed else _SETTING_VALUE):
            cleaned.setdefault(text)
    return list(cleaned)[:_MAX_WORDS]


def is_unfilled(text: str) -> bool:
    """Whether a word is the place of one in a form that nobody filled in."""
    inner = _FORM.search(re.sub(r"[_\-]+", " ", text))
    return bool(inner and (_BRACKETED.match(text) or inner[0].lower() == re.sub(r"[_\-]+", " ", text).lower()))


def _is_noise(text: str, setting: re.Pattern[str]) -> bool:
    if is_unfilled(text):
        return True
    if _TOKENS.fullmatch(text):
        return False
    return bool(
        len(text) > _MAX_WORD
        # Bytes that could not be read: nobody knows the word.
        or "\ufffd" in text
        or WEIGHT_NAME.search(text)
        or "://" in text
        or "<" in text
        or text.startswith("--")
        or text.endswith("()")
        or setting.search(text)
        or _QUALITY.match(text)
        or _TECHNICAL.fullmatch(text)
    )
