"""Which tool a model means: names come with prefixes, channel marks and another spelling."""

import re
from collections.abc import Collection

from agentroster.llm.dialects.rule import Rule

_MARKS = re.compile(r"<\|[^<>|]{1,40}\|>.*", re.DOTALL)
_PREFIX = re.compile(r"^(?:functions?|tools?|default_api|api|assistant|commentary|to=functions?)(?:[.:/]|$)")
_COUNTER = re.compile(r":\d+$")

RULES = (
    Rule(
        name="names of tools",
        seen="`functions.x`, `tools.x`, `default_api.x`, `x:0`, `x<|channel|>commentary`, `x-y` for `x_y`, "
        "blanks around",
        done="the one known tool that is meant; a name that could be two, or none, is told to the model",
        source="gpt-oss harmony format; Kimi K2 tool call ids; Gemini's `default_api`",
    ),
)


def known_name(said: str, tools: Collection[str]) -> str | None:
    """Return the tool that a name means, or None."""
    if said in tools:
        return said
    name = _COUNTER.sub("", _MARKS.sub("", said).strip().strip("\"'` "))
    while (shorter := _PREFIX.sub("", name)) != name and shorter and name not in tools:
        name = shorter
    if name in tools:
        return name
    alike = [tool for tool in tools if _spelling(tool) == _spelling(name)]
    return alike[0] if len(alike) == 1 else None


def sendable_name(said: str) -> str:
    """Return a name that is no tool's in a form that may go back to any server."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", said.strip())[:64] or "unnamed"


def _spelling(name: str) -> str:
    return name.replace("-", "_").replace(" ", "_").lower()
