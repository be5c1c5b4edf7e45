"""Makes text of models and tools inert: nothing in it acts in a page that shows it as Markdown.

Nothing is cut out: an invisible WORD JOINER (U+2060) parts what would act. `<` before it begins no tag, `!` no image,
a fence before it has no language that a page would draw or run. It is the same wherever a parser looks: in a block of
HTML, in a table, in text whose entities are decoded twice. A code block that surely is one is left as it is.

Stream-safe: only what may be the beginning of such a construct waits, at most `MAX_HELD` characters, and any split
gives the same text. Linear in the length of the text.
"""

import re
from collections.abc import Set as AbstractSet

from agentroster.runs.presentation.code_fence import CodeFences
from agentroster.runs.presentation.inert_tags import is_active, may_act

JOINER = "\u2060"
MAX_HELD = 4_096
_MAX_TAG, _MAX_NAME, _MAX_RUN = 512, 40, 256

_TRIGGER = re.compile(r"[<!&]|`{3}|~{3}|\{\{|`{1,2}\Z|~{1,2}\Z|\{\Z")
_TRIGGER_IN_CODE = re.compile(r"<")
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9:_-]{{0,{_MAX_NAME}}}")
_ATTRIBUTES = re.compile(rf"[^<>=]{{0,{_MAX_TAG}}}")
_LINK = re.compile(rf"(?:https?|ftp|mailto|tel):[^\s<>]{{0,{_MAX_TAG}}}", re.IGNORECASE)
# Where a page decodes entities before it reads Markdown, as Open WebUI does within `<details>`.
_LESS = re.compile(r"&(?:lt|LT|#0{0,6}60|#[xX]0{0,6}3[cC]);?")
_MARK = re.compile(r"!|&(?:excl;|#0{0,6}33;?|#[xX]0{0,6}21;?)")
_BRACKET = re.compile(r"\[|&(?:lbrack;|lsqb;|#0{0,6}91;?|#[xX]0{0,6}5[bB];?)")
_ENTITY = re.compile(r"&(?:#[xX]?)?[0-9A-Za-z]{0,12};?")
_SHORTEST_ENTITY = 14
_RUN = re.compile(rf"(?:`{{3,{_MAX_RUN}}}|~{{3,{_MAX_RUN}}})")
_LANGUAGE = re.compile(r"[^\S\r\n]{0,64}((?:\\?[A-Za-z-]){0,12})")
_DRAWN = frozenset({"html", "svg", "xml", "mermaid", "vega", "vega-lite"})
_FILE = re.compile(r"\{\{(?:video|html)_file_id_", re.IGNORECASE)
_FILES = ("{{video_file_id_", "{{html_file_id_")
# An image is left only when there is one way to read it.
_IMAGE = re.compile(
    r"!\[[^\[\]\\\r\n`<>!]{0,500}\]\(https?://([A-Za-z0-9.-]{1,253})(?::\d{1,5})?"
    r"(?:[/?#][^\s()<>\\\"'`\[\]]{0,2000})?(?: \"[^\"\\\r\n<>`]{0,300}\")?\)"
)
_IMAGE_SO_FAR = re.compile(
    r"!\[[^\[\]\\\r\n`<>!]{0,500}(?:\Z|\](?:\Z|\((?:h?t?t?p?s?:?/?/?\Z|https?://[A-Za-z0-9.-]{0,253}(?:\Z|(?::\d{0,5})?"
    r"(?:\Z|(?:[/?#][^\s()<>\\\"'`\[\]]{0,2000})?(?:\Z| (?:\Z|\"[^\"\\\r\n<>`]{0,300}(?:\Z|\"\Z))))))))"
)


class InertMarkdown:
    """One text as it comes; `image_hosts` are the lower-case names of hosts whose images may be shown."""

    def __init__(self, image_hosts: AbstractSet[str] = frozenset()) -> None:
        self._hosts = image_hosts
        self._held = ""
        self._fences = CodeFences()

    def feed(self, text: str) -> str:
        """Return what can be shown after this chunk."""
        return self._run(self._held + text, final=False)

    def finish(self) -> str:
        """End the text; return what was held back."""
        return self._run(self._held, final=True)

    def interrupt(self) -> str:
        """Return what was held back, made inert: something else is shown now, and the text may go on after it."""
        out: list[str] = []
        while (held := self._held) and not held.isspace():
            self._fences.give_up()
            self._held = ""
            out.append(held[0] + JOINER + self._run(held[1:], final=False))
        out.append(self.finish())
        self._fences.interrupted()
        return "".join(out)

    def _run(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        position = 0
        while position < len(text):
            line = self._fences.line(text, position, final=final)
            if line is None:
                break
            if line > position:
                # The line of a fence, with its language.
                out.append(_parted_language(text[position:line]))
                position = line
                continue
            end = self._fences.end_of_line(text, position)
            reached = self._part_line(text, position, end, out, final=final)
            self._fences.passed(text[position:reached])
            position = reached
            if reached < end:
                break
        self._held = text[position:]
        return "".join(out)

    def _part_line(self, text: str, position: int, end: int, out: list[str], *, final: bool) -> int:
        """Write a line, or what of it is decided; return where the rest begins."""
        trigger = _TRIGGER_IN_CODE if self._fences.is_code else _TRIGGER
        while position < end:
            found = trigger.search(text, position, end)
            start = found.start() if found else end
            out.append(text[position:start])
            if start == end:
                return end
            decided = self._decide(text, start, final=final)
            if decided is None:
                return start
            taken, shown = decided
            out.append(shown)
            position = start + taken
        return position

    def _decide(self, text: str, start: int, *, final: bool) -> tuple[int, str] | None:
        """Return how much is decided and how it is shown; None when that depends on what comes next."""
        match text[start]:
            case "<":
                return self._tag(text, start, 1, final=final)
            case "!":
                return self._image(text, start, 1, final=final)
            case "&":
                return self._entity(text, start, final=final)
            case "{":
                return _file(text, start, final=final)
            case _:
                return _fence(text, start, final=final)

    def _tag(self, text: str, start: int, width: int, *, final: bool) -> tuple[int, str] | None:
        after, opening = start + width, text[start : start + width]
        if after >= len(text):
            return (width, opening) if final else None
        if text[after] in "!?" and not self._fences.is_code:
            return width, opening + JOINER
        name = _NAME.match(text, after)
        if name is None:
            return width, opening
        if name.end() == len(text) and not final and len(name[0]) <= _MAX_NAME:
            return None
        acts = self._acts(text, name, final=final)
        return None if acts is None else (width, opening + JOINER * acts)

    def _acts(self, text: str, name: re.Match[str], *, final: bool) -> bool | None:
        """Whether a tag acts; None when its attributes are still to come."""
        if self._fences.is_code:
            # Other parsers look for cards in code, too.
            return name[0].lower() == "details" and text[name.end() : name.end() + 1] not in {">", ""}
        if is_active(name[0]) or not may_act(name[0]):
            return is_active(name[0])
        link = _LINK.match(text, name.start())
        if link and not final and link.end() == len(text) and len(link[0]) <= _MAX_TAG:
            return None
        is_link = link is not None and text[link.end() : link.end() + 1] == ">"
        return False if is_link else _has_attributes(text, name.end(), final=final)

    def _image(self, text: str, start: int, width: int, *, final: bool) -> tuple[int, str] | None:
        after, mark = start + width, text[start : start + width]
        if after >= len(text):
            return (width, mark) if final else None
        bracket = _BRACKET.match(text, after)
        if bracket is None:
            undecided = not final and text[after] == "&" and _may_grow(text, after)
            return None if undecided else (width, mark)
        if self._hosts and width == 1 and text[after] == "[":
            image = _IMAGE.match(text, start)
            if image and image[1].lower() in self._hosts:
                return width, mark
            so_far = None if image or final else _IMAGE_SO_FAR.match(text, start)
            if so_far and so_far.end() == len(text) and len(text) - start < MAX_HELD:
                return None
        return width, mark + JOINER

    def _entity(self, text: str, start: int, *, final: bool) -> tuple[int, str] | None:
        if not final and _may_grow(text, start):
            return None
        if less := _LESS.match(text, start):
            return self._tag(text, start, len(less[0]), final=final)
        if mark := _MARK.match(text, start):
            return self._image(text, start, len(mark[0]), final=final)
        return 1, "&"


def _has_attributes(text: str, start: int, *, final: bool) -> bool | None:
    """Whether one with a value comes before the tag ends; None when neither has come."""
    found = _ATTRIBUTES.match(text, start)
    stop = found.end() if found else start
    if stop - start >= _MAX_TAG:
        return True
    if stop == len(text):
        return False if final else None
    return text[stop] == "="


def _may_grow(text: str, start: int) -> bool:
    """Whether what comes next belongs to an entity that begins here."""
    entity = _ENTITY.match(text, start)
    return bool(entity and entity.end() == len(text) and len(entity[0]) < _SHORTEST_ENTITY and text[-1] != ";")


def _file(text: str, start: int, *, final: bool) -> tuple[int, str] | None:
    """Part `{{VIDEO_FILE_ID_...}}`, which Open WebUI turns into a player or a frame."""
    if _FILE.match(text, start):
        return 1, "{" + JOINER
    so_far = text[start : start + len(_FILES[0])].lower()
    if not final and start + len(so_far) == len(text) and any(name.startswith(so_far) for name in _FILES):
        return None
    return 1, "{"


def _fence(text: str, start: int, *, final: bool) -> tuple[int, str] | None:
    """Part a run of fence characters from a language that pages draw or run."""
    run = _RUN.match(text, start)
    if run is None:
        return (len(text) - start, text[start:]) if final else None
    language = _LANGUAGE.match(text, run.end())
    if language and not final and text[language.end() : language.end() + 2] in {"", "\\"}:
        return None
    return len(run[0]), run[0] + JOINER * _is_drawn(text, run.end())


def _is_drawn(text: str, start: int) -> bool:
    language = _LANGUAGE.match(text, start)
    return bool(language and language[1].replace("\\", "").lower() in _DRAWN)


def _parted_language(line: str) -> str:
    run = _RUN.search(line)
    parted = run is not None and _is_drawn(line, run.end())
    return f"{line[: run.end()]}{JOINER}{line[run.end() :]}" if run and parted else line
