"""Finds the lines of a Markdown text that are surely code: in a fence that every parser would see.

Parsers differ about fences in lists, quotes, HTML, formulas and definitions. At the first of these that could hide or
end a fence, no later fence of the text is trusted any more; what is not trusted is treated as text.

Sources: CommonMark 0.31 section 4.5; marked, as Open WebUI 0.12 uses it with its extensions.
"""

import re

_BREAK = re.compile(r"[\r\n]")
_MAX_LINE = 256
_FENCE_LINE = re.compile(r"([ \t]*+)(`{3,}|~{3,})([^\r\n]*)(?=[\r\n])")
_FENCE_SO_FAR = re.compile(r"[ \t]*+(?:(?:`{3,}|~{3,})[^\r\n]*|`{0,2}|~{0,2})\Z")
_INDENT = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[\s>*+\-\d.)|]*+")
_DOUBTFUL = re.compile(r"\$\$|\$[\r\n]|\\[\[(bpc]|\]:")
_DOUBTFUL_STARTS = frozenset({"<", ":", "\\"})
_MAX_INDENT = 3


class CodeFences:
    """Follows one text line by line; `is_code` says whether the current line is surely code."""

    def __init__(self) -> None:
        self.is_code = False
        self._doubt = False
        self._mark = ""
        self._indent = 0
        self._at_start = True
        self._begun = False
        self._resumed = False
        self._last = ""
        # The first two characters of the line that begin something.
        self._head = ""

    def give_up(self) -> None:
        """Trust no fence any more."""
        self._doubt, self.is_code, self._mark = True, False, ""

    def interrupted(self) -> None:
        """Note that what follows may be shown elsewhere, or on a line of its own."""
        if self.is_code:
            self.give_up()
        self._resumed, self._begun, self._head = True, False, ""

    def line(self, text: str, position: int, *, final: bool) -> int | None:
        """At the start of a line return the end of a fence's line, else the position; None to wait for more."""
        if not self._at_start or self._doubt:
            return position
        so_far = _FENCE_SO_FAR.match(text, position)
        if so_far and not final and len(so_far[0]) < _MAX_LINE:
            return None
        if so_far and (so_far[0].strip() or len(so_far[0]) >= _MAX_LINE):
            return self._give_up_at(position)
        found = _FENCE_LINE.match(text, position)
        if self.is_code:
            return self._inside(text, position, found)
        return self._outside(position, found) if found else position

    def end_of_line(self, text: str, position: int) -> int:
        """Return where the next line begins, or the end of the text."""
        found = _BREAK.search(text, position)
        return found.end() if found else len(text)

    def passed(self, part: str) -> None:
        """Note that this part of a line has been written."""
        if not part:
            return
        if not self.is_code and not self._doubt and self._is_doubtful(part):
            self.give_up()
        self._begun = self._begun or not part.isspace()
        self._at_start = part[-1] in "\r\n"
        if self._at_start:
            self._head, self._resumed = "", False
        self._last = (self._last + part)[-2:]

    def _is_doubtful(self, part: str) -> bool:
        if len(self._head) < 2:  # noqa: PLR2004 - as many as `[^` has
            bare = _BARE.match(part)
            begins = part[bare.end() :] if bare and not self._head else part
            self._head = (self._head + begins[:2])[:2]
        doubtful = self._head[:1] in _DOUBTFUL_STARTS or self._head == "[^"
        if self._resumed and self._head[:1] in {"`", "~"}:
            doubtful = True
        return doubtful or bool(_DOUBTFUL.search(self._last + part))

    def _outside(self, position: int, found: re.Match[str]) -> int:
        indent, mark, info = found[1], found[2], found[3]
        if mark[0] == "`" and "`" in info:
            return position
        if indent and not self._begun:
            # Open WebUI cuts blanks before the first word.
            return self._give_up_at(position)
        if "\t" in indent or len(indent) > _MAX_INDENT:
            return position
        self.is_code, self._mark, self._indent, self._begun = True, mark, len(indent), True
        self._at_start = False
        return found.end()

    def _inside(self, text: str, position: int, found: re.Match[str] | None) -> int:
        indent = _INDENT.match(text, position)
        begins = indent.end() if indent else position
        width = len(text[position:begins].expandtabs(4))
        is_blank = begins == len(text) or text[begins] in "\r\n"
        if not is_blank and width < self._indent:
            return self._give_up_at(position)
        if found is None or not found[2].startswith(self._mark) or found[3].strip(" ~`\t"):
            return position
        if found[3].strip(" ") or "\t" in found[1] or (self._indent and width != self._indent):
            return self._give_up_at(position)
        if width > _MAX_INDENT:
            return position
        self.is_code, self._mark, self._at_start = False, "", False
        return found.end()

    def _give_up_at(self, position: int) -> int:
        self.give_up()
        return position
