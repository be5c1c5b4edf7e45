"""Recognises the names of models in a sentence."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from agentroster import spelling
from agentroster.library.library import Library, ModelFile
from agentroster.library.walk import MODEL_SUFFIXES

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_ENDS = re.compile("|".join(re.escape(suffix) for suffix in sorted(MODEL_SUFFIXES, key=len, reverse=True)))
_PUNCTUATION = ".,;:!?()，、。；：！？（）"
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc\u00b4", "''''")
_LONGEST = 1024
_Forms: TypeAlias = dict[str, dict[ModelFile, None]]


@dataclass(slots=True)
class _Word:
    """A word of a name with blanks: the words that may follow, and whether a name may end here."""

    following: dict[str, "_Word"] = field(default_factory=dict[str, "_Word"])
    is_end: bool = False


def folded(text: str) -> str:
    """Return text as names are compared: without case, in one form of Unicode, each character in its place."""
    if text.isascii():
        # Most names: nothing of the rest changes them.
        return text.lower()
    normal = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    return "".join(lower if len(lower := char.lower()) == 1 else char for char in normal)


class Names:
    """The names of one library's models, which is looked through once, when a name is first needed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._folders: dict[str, bool] = {}
        self._text, self._ends = "", dict[int, int]()

    def is_folder(self, text: str) -> bool:
        """Whether a text is the path of a folder of the library."""
        if text not in self._folders:
            self._folders[text] = self._library.is_folder(text)
        return self._folders[text]

    def require(self, text: str) -> None:
        """Raise what `Library.find` raises, for a text that means no model, or several."""
        self._library.find(text)

    def meant(self, text: str) -> list[ModelFile]:
        """Return the models that go by a name, path or stem; one alone where the text is its full name."""
        found = list(self._forms.get(folded(text), ()))
        exact = [model for model in found if text in {model.name, str(model.path)}]
        return exact if len(exact) == 1 else found

    def written_out(self, text: str) -> list[str]:
        """Return the full names that a text with several meanings may stand for; a folder's ends with a slash."""
        folder = [f"{text.rstrip('/')}/"] if self.is_folder(text) else []
        return [*folder, *(model.name for model in self.meant(text))]

    def nearest(self, text: str) -> str:
        """Return the full name of the one model that goes by nearly this name, or an empty text."""
        forms = self._forms
        models = {model.name for model in forms.get(spelling.nearest(text, forms), ())}
        return models.pop() if len(models) == 1 else ""

    def longest_at(self, text: str, start: int) -> int:
        """Return where the longest name that begins at `start` of a folded text ends; `start` when none does."""
        if text != self._text:
            self._text, self._ends = text, {}
        # One text is read in several languages, and names are the same in all of them.
        if start not in self._ends:
            self._ends[start] = self._find_end(text, start)
        return self._ends[start]

    def _find_end(self, text: str, start: int) -> int:
        chunk = text[start : _word_end(text, start)]
        ends = {len(chunk), len(chunk.rstrip(_PUNCTUATION)), _ascii_length(chunk)}
        ends |= {match.end() for match in _ENDS.finditer(chunk) if _stops(chunk[match.end() :][:1])}
        within = next((length for length in sorted(ends, reverse=True) if length and chunk[:length] in self._forms), 0)
        return max(start + within, self._with_blanks(text, start))

    @cached_property
    def _forms(self) -> _Forms:
        forms: _Forms = {}
        for model in self._library.models():
            bare = model.name.removesuffix(model.path.suffix)
            paths = (str(model.path), model.path.as_posix(), model.name, bare)
            # People copy paths from Windows, wherever the proxy runs.
            backslashed = (model.name.replace("/", "\\"), bare.replace("/", "\\"))
            for form in (*paths, *backslashed, model.path.name, model.path.stem):
                forms.setdefault(folded(form), {})[model] = None
        return forms

    @cached_property
    def _words(self) -> _Word:
        root = _Word()
        for form in self._forms:
            word = root
            for part in form.split(" ") if " " in form else ():
                word = word.following.setdefault(part, _Word())
            word.is_end = word is not root
        return root

    def _with_blanks(self, text: str, start: int) -> int:
        word, position, longest = self._words, start, start
        while position <= len(text):
            end = _word_end(text, position)
            part = text[position:end]
            last = word.following.get(part.rstrip(_PUNCTUATION))
            if last is not None and last.is_end:
                longest = position + len(part.rstrip(_PUNCTUATION))
            following = word.following.get(part)
            if following is None:
                return longest
            if following.is_end:
                longest = end
            word, position = following, end + 1
        return longest


def _word_end(text: str, start: int) -> int:
    """Return where the blank is that ends a word; a word that is longer than any path ends somewhere."""
    end = text.find(" ", start, start + _LONGEST)
    return end if end >= 0 else min(len(text), start + _LONGEST)


def _ascii_length(text: str) -> int:
    found = _NOT_ASCII.search(text)
    return found.start() if found else len(text)


def _stops(following: str) -> bool:
    """Whether a name can end before this character: a blank, a comma, or a letter of another script."""
    return following in _PUNCTUATION.replace(".", "") or following >= "\u0370"
