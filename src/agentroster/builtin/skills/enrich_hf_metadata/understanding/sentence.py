"""Cuts a message into tokens: the phrases of one language, addresses, options, and names of models and folders."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import Language
from agentroster.library.names import Names, folded
from agentroster.library.walk import MODEL_SUFFIXES

UNKNOWN = "unknown"
_URL = re.compile(r"https?://[!-~]+")
_URL_STOPS = re.compile(r"[\"'`<>|\])]|[,;](?=https?:|$)")
_OPTION = re.compile(r"--([a-z][a-z_-]*)=?")
_CHUNK = re.compile(r"[^\s,;\"'`()]+")
_ASCII = re.compile(r"[!-~]+")
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“”", "«": "»", "「": "」", "『": "』"}
_KINDS = {"comma": ",;、()", "stop": ".!。", "qmark": "?", "colon": ":", "polite": "¿¡🙏🙂😊"}
_SIGNS = {sign: kind for kind, signs in _KINDS.items() for sign in signs}
_MAX_QUOTED, _LONGEST = 1000, 1024
# A name with blanks that holds one of these must be quoted: "everything but ink.safetensors" may be a file as well.
_TURNING = frozenset({"not", "except", "exceptpost", "dry", "if", "question", "other"})
_HARMLESS = frozenset({"", "noun", "fill", "of", "particle"})
# Marks for the direction of writing, which are not seen and change nothing, and the mark of a file's beginning.
_APOSTROPHES = str.maketrans("\u2018\u2019", "''")
_UNSEEN = str.maketrans("", "", "\u200e\u200f\ufeff")


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a sentence: what it means (`kind`), what it stands for (`value`) and how it is written (`text`).

    `name` is surely a file or folder; `bare` is a word that is also the name of one; `several` can mean some models.
    """

    kind: str
    value: str
    text: str


def normal(text: str) -> str:
    """Return a message in one form of Unicode, with one blank wherever there is space."""
    joined = " ".join(unicodedata.normalize("NFKC", text.translate(_UNSEEN)).split())
    # Keyboards of telephones make typographic signs of apostrophes and of the two hyphens before an option.
    return re.sub(r"(?<![^ ])[–—](?=[a-z])", "--", joined.translate(_APOSTROPHES))


def tokens(text: str, language: Language, names: Names) -> Iterator[Token]:
    """Yield the tokens of a normal text; what nobody knows is `unknown`. The time grows with the text's length."""
    return _Scanner(text, language, names).tokens()


class _Scanner:
    def __init__(self, text: str, language: Language, names: Names) -> None:
        self._text, self._language, self._names = text, language, names
        self._folded = folded(text)

    def tokens(self) -> Iterator[Token]:
        # A character that grows when it is folded would move all places behind it.
        if len(self._folded) != len(self._text):
            yield Token(UNKNOWN, "", self._text)
            return
        position = 0
        while position < len(self._text):
            if self._text[position] == " ":
                position += 1
                continue
            end, kind, value = self._next(position)
            yield Token(kind, value, self._text[position:end])
            position = end

    def _next(self, start: int) -> tuple[int, str, str]:
        if found := _URL.match(self._text, start, start + _LONGEST):
            url = _URL_STOPS.split(found[0], maxsplit=1)[0].rstrip(".,;:!?")
            return start + len(url), "url", url
        if found := _OPTION.match(self._folded, start):
            return found.end(), "option", found[1]
        if quoted := self._quoted(start):
            return quoted
        following = self._text[start + 1 : start + 2]
        if self._text[start] in _SIGNS and following in {"", " ", *_SIGNS}:
            return self._sign(start)
        return self._word(start) or self._sign(start)

    def _word(self, start: int) -> tuple[int, str, str] | None:
        phrase_end, kind = self._language.longest_at(self._folded, start)
        name_end = self._names.longest_at(self._folded, start)
        path_end = self._path_end(start)
        if name_end > phrase_end and name_end >= path_end and self._may_stand_unquoted(start, name_end):
            return name_end, *self._named(self._text[start:name_end])
        if path_end > phrase_end:
            written = self._text[start:path_end]
            if is_path(written):
                return path_end, "name", written
            if self._names.is_folder(written):
                return path_end, "name" if "/" in written else "bare", written
        return (phrase_end, kind, kind) if phrase_end > start else None

    def _path_end(self, start: int) -> int:
        found = (_CHUNK if self._language.is_spaced else _ASCII).match(self._text, start, start + _LONGEST)
        # Another script that follows without a blank is no part of it.
        chunk = found[0] if found else ""
        if chunk[:1].isascii() and (ascii_part := _ASCII.match(chunk)):
            chunk = re.split(r"[,;\"'`()]", ascii_part[0], maxsplit=1)[0]
        return start + len(chunk.rstrip(".:!?。"))

    def _may_stand_unquoted(self, start: int, end: int) -> bool:
        """Whether no part of a name with blanks could be meant as a word of the sentence."""
        name = self._folded[start:end]
        if " " not in name:
            return True
        places = [start, *(start + match.end() for match in re.finditer(" +", name))]
        kinds = {self._language.longest_at(self._folded, place)[1] for place in places}
        return kinds <= _HARMLESS or (is_path(name) and not kinds & _TURNING)

    def _named(self, written: str) -> tuple[str, str]:
        """Return the kind of a name that stands in the library, and the text by which the library finds it."""
        models = self._names.meant(written)
        is_file = written.lower().endswith(tuple(MODEL_SUFFIXES))
        if len(models) > 1 or (not is_file and "/" not in written and self._names.is_folder(written)):
            return "several", written
        [model] = models
        as_written = is_file and written in {model.name, model.path.name, str(model.path)}
        return "name" if is_file else "bare", written if as_written else model.name

    def _quoted(self, start: int) -> tuple[int, str, str] | None:
        closers = _QUOTES.get(self._text[start])
        if closers is None:
            return None
        places = [self._text.find(closer, start + 1, start + _MAX_QUOTED) for closer in closers]
        end = min((place for place in places if place > start + 1), default=-1)
        if end < 0:
            return None
        content = self._text[start + 1 : end].strip()
        following = self._text[end + 1 : end + 2]
        if not content or (following.isascii() and following.isalnum()):
            return None
        if _URL.fullmatch(content):
            return end + 1, "url", content
        if self._names.meant(content):
            kind, value = self._named(content)
            return end + 1, "name" if kind == "bare" else kind, value
        is_known = is_path(content) or self._names.is_folder(content)
        return end + 1, "name" if is_known else UNKNOWN, content

    def _sign(self, start: int) -> tuple[int, str, str]:
        char = self._text[start]
        repeated = self._text[start + 1 : start + 2] == char == "."
        if char in _SIGNS and not repeated:
            return start + 1, _SIGNS[char], char
        found = _CHUNK.match(self._text, start)
        return max(found.end() if found else 0, start + 1), UNKNOWN, ""


def is_path(text: str) -> bool:
    """Whether a text can only mean a file or folder: "and/or" and "1/2" may mean anything."""
    if text.startswith(("/", "./", "../", "~/")):
        return len(text) > 1
    is_marked = text.lower().endswith((*MODEL_SUFFIXES, "/")) or ".." in text.split("/")
    return is_marked and text.strip("./") != "" and text.lower() not in MODEL_SUFFIXES
