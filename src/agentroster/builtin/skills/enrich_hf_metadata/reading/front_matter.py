"""Front matter: YAML read as texts, also when it is broken."""

import re
from typing import Any, cast

import yaml

# libyaml's own loader builds nested values by calling itself, and ends the process on a card of brackets; its events
# are flat, and ten times as fast as the loader in Python.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DEEPEST = 60
_KEY_LINE = re.compile(r"^([A-Za-z_][\w-]*)\s*:\s*(.*?)\s*$")
_ITEM_LINE = re.compile(r"^\s*-\s+(.*?)\s*$")
_PICTURE_LINE = re.compile(r"^[ \t]+(?:-[ \t]+)?(?:url|src)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE)


def front_matter(text: str) -> dict[str, object]:
    """Return the front matter's values as texts, lists and mappings; broken YAML is read line by line."""
    try:
        # Texts only: a card means "no" and "007" as written, not as a truth value or a number.
        value = texts(text.replace("\t", "  "))
    except (yaml.YAMLError, ValueError):
        return _line_by_line(text)
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _line_by_line(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    items: list[object] = []
    folded = ""
    pictures = _PICTURE_LINE.findall(text)
    for line in text.replace("\t", "  ").split("\n"):
        if match := _KEY_LINE.match(line):
            folded, items = "", []
            value = _scalar(match[2])
            if match[2] in {">", ">-", "|", "|-"}:
                folded, value = match[1], ""
            found.setdefault(match[1], _flow_list(match[2]) or value or items)
        elif match := _ITEM_LINE.match(line):
            items.append(_scalar(match[1]))
        elif folded and line.startswith(" "):
            found[folded] = f"{found[folded] or ''} {line.strip()}".strip()
    if "widget" in found:
        found["widget"] = [{"url": _scalar(address)} for address in pictures]
    return found


def _scalar(text: str) -> str:
    quoted = re.match(r"([\"'])(.*)\1", text)
    if not quoted and text.startswith(('"', "'")):
        # A text that never ends: nobody knows how much of it is there.
        return ""
    return quoted[2] if quoted else re.split(r"\s#", text, maxsplit=1)[0].strip()


def _flow_list(text: str) -> list[object]:
    inner = re.fullmatch(r"\[(.*)\]", text.strip())
    return [_scalar(part.strip()) for part in inner[1].split(",")] if inner else []


def texts(text: str) -> object:
    """Return the one document of a text with every scalar as written; None when it is empty.

    Raises yaml.YAMLError or ValueError for what is no YAML, nested too deeply, or more than one document.
    """
    builder = _Builder()
    for event in yaml.parse(text, Loader=_LOADER):
        builder.add(event)
    return builder.documents[0] if builder.documents else None


class _Builder:
    """Puts values together from events; each open list or mapping waits on a stack for its items."""

    def __init__(self) -> None:
        self.documents: list[object] = []
        self._open: list[tuple[str | None, bool, list[object]]] = []
        self._anchors: dict[str, object] = {}

    def add(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent):
            self._put(event.value, event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ValueError("an alias to nothing")
            self._put(self._anchors[event.anchor], None)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(self._open) >= _DEEPEST:
                raise ValueError("nested too deeply")
            self._open.append((event.anchor, isinstance(event, yaml.MappingStartEvent), []))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            anchor, is_mapping, items = self._open.pop()
            self._put(_mapping(items) if is_mapping else items, anchor)

    def _put(self, value: object, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if self._open:
            self._open[-1][2].append(value)
        elif self.documents:
            raise ValueError("more than one document")
        else:
            self.documents.append(value)


def _mapping(items: list[object]) -> dict[str, object]:
    keys = items[::2]
    if not all(isinstance(key, str) for key in keys):
        raise ValueError("a key that is no text")
    return dict(zip(cast("list[str]", keys), items[1::2], strict=True))
