"""Front matter: YAML read as texts, also when it is broken."""

import re
from typing import cast

import yaml

from agentroster.skills.bundled.enrich_hf_metadata.reading.yaml_texts import texts

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
    return quoted[2] if quoted else re.split(r"\s#", text, maxsplit=1)[0].strip()


def _flow_list(text: str) -> list[object]:
    inner = re.fullmatch(r"\[(.*)\]", text.strip())
    return [_scalar(part.strip()) for part in inner[1].split(",")] if inner else []
