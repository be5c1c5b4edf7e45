"""Finds names of weight files in a text, and compares them."""

import re
from urllib.parse import unquote

from agentroster.library.walk import MODEL_SUFFIXES

_MAX_NAME = 200
_AROUND = re.compile(r"^(?:\d{1,3}[.)]\s|[^\w(])+|[^\w)]+$")
# Trainers pad their step numbers; a year or a version has fewer digits, and names another model.
_STEP = re.compile(r"[-_](?:\d{6,}|(?:steps?|epochs?|e)[-_]?\d+)$")
# The same weights in another precision or form are the same model.
_FORM = re.compile(
    r"[-_.](?:fp(?:8|16|32)(?:[-_]e\dm\d\w{0,9})?|bf16|f16|f32|pruned|ema|q\d(?:_\w){0,2}|comfyui|diffusers|kohya)$"
)
_PARTS = re.compile(r"\s[-–—|/]\s|[:()]")
_ENDING = rf"\.(?:{'|'.join(sorted(suffix[1:] for suffix in MODEL_SUFFIXES))})\b"
_WEIGHT_ENDING = re.compile(_ENDING, re.IGNORECASE)
_NAME_CHARACTER = re.compile(r"[\w%+.\-]")
WEIGHT_NAME = re.compile(rf"[\w%+.\-]{{1,200}}{_ENDING}", re.IGNORECASE)
# Models of two experts come as a pair of files, one for each level of noise.
_EXPERT = re.compile(r"[-_. ]?(?:(?:high|low)[-_. ]?noise|(?<=[-_. ])(?:high|low|hn|ln)$)")
# Services put a random number behind each file of such a pair.
_TAIL = re.compile(r"(?<=noise)[-_](?:lora[-_])?[0-9a-f]{4,32}(?:-[0-9a-f]{4,12}){0,4}$")


def model_key(name: str) -> str:
    """Return what the files of one model have in common: the name without step, precision, and level of noise."""
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
    for part in (_FORM, _TAIL, _STEP, _EXPERT):
        stem = part.sub("", stem)
    return stem


def names_in(text: str) -> set[str]:
    """Return the names of weight files in a text, decoded and in lower case."""
    return {plain_name(text[_name_start(text, match.start()) : match.end()]) for match in _WEIGHT_ENDING.finditer(text)}


def _name_start(line: str, end: int) -> int:
    """Return where the file name that ends here begins; a pattern would try from every character before."""
    start = end
    while start > max(0, end - _MAX_NAME) and _NAME_CHARACTER.match(line[start - 1]):
        start -= 1
    return start


def mentions(line: str, wanted: str) -> bool:
    """Whether a line has this file name, which is plain."""
    # A name with blanks is found by looking for it; nobody can tell where it begins otherwise.
    return wanted in names_in(line) or (" " in wanted and wanted in unquote(line).lower())


def plain_name(name: str) -> str:
    """Return a file's name decoded, in lower case, without its folders."""
    return unquote(name).strip(" ([").rsplit("/", 1)[-1].lower()


def same_name(heading: str, file_name: str) -> bool:
    """Whether a title is the file's name, whatever stands for the blanks in it."""
    stem = file_name.rsplit(".", 1)[0]
    text = re.sub(r"[`*\[\]]", "", re.sub(r"\]\([^()]{0,500}\)", "", heading))
    # Emoji, numbers and marks around a title are no part of the name.
    text = _AROUND.sub("", text)
    names = {squeezed(stem), squeezed(file_name)}
    return any(squeezed(part) in names for part in (text, *_PARTS.split(text)))


def squeezed(text: str) -> str:
    """Return a name as names are compared: one blank for each run of separators."""
    return re.sub(r"[_\-.\s]+", " ", unquote(text)).strip().lower()
