"""Writes the folder of a working skill for `roster skills new`."""

import re
from pathlib import Path

from agentroster.errors import BadInput
from agentroster.skills.manifest import TAKEN_COMMANDS

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME = 64

_TOOLS = {
    "skill.yaml": """\
name: NAME
title: TITLE
description: Greets somebody by name.
kind: tools
tools:
  - name: FUNCTION
    description: Greet somebody by name.
    parameters:
      type: object
      additionalProperties: false
      required: [who]
      properties:
        who: {type: string, minLength: 1, maxLength: 100, description: "Whom to greet"}
    output_schema:
      type: object
      additionalProperties: false
      required: [greeting]
      properties:
        greeting: {type: string}
    command: {name: NAME, usage: "/NAME WHO", help: greet somebody, argument: who}
""",
    "prompt.md": "Greet people with the tool FUNCTION.\n",
    "handler.py": '''\
"""The tools of this skill."""

from agentroster import SkillContext


async def FUNCTION(context: SkillContext, /, who: str) -> dict[str, str]:
    """Greet somebody."""
    greeting = f"Hello, {who}!"
    await context.show(f"{greeting}\\n")
    return {"greeting": greeting}
''',
    "test_MODULE.py": '''\
"""pytest runs this where agentroster is installed."""

import asyncio

from agentroster.testing import call, load_skill

SKILL = load_skill(__file__)


def test_it_greets() -> None:
    done = asyncio.run(call(SKILL, who="Ada"))
    assert done.value == {"greeting": "Hello, Ada!"}
    assert done.shown == "Hello, Ada!\\n"


def test_a_greeting_is_for_somebody() -> None:
    assert "who" in asyncio.run(call(SKILL)).error
''',
}
_PIPELINE = {
    "skill.yaml": """\
name: NAME
title: TITLE
description: Counts the words of each of some texts.
kind: pipeline
input_schema:
  type: object
  additionalProperties: false
  required: [texts]
  properties:
    texts: {type: array, minItems: 1, maxItems: 100, items: {type: string, maxLength: 1000}}
output_schema:  # of the report of one item
  type: object
  additionalProperties: false
  required: [item, found]
  properties:
    item: {type: string}
    found: {type: object, additionalProperties: false, properties: {words: {type: integer, minimum: 0}}}
command: {name: NAME, usage: "/NAME TEXT", help: count the words of a text, argument: texts}
""",
    "prompt.md": "Count the words of texts with the tool MODULE.\n",
    "handler.py": '''\
"""The steps of this skill: select the items, prepare each, report each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentroster import ItemReport, Selection, SkillContext


@dataclass(frozen=True)
class Text:
    """One item; `label` is what a person calls it."""

    label: str


async def select(context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
    """Return the items that the arguments mean."""
    return Selection([Text(text) for text in arguments["texts"]])


async def prepare(context: SkillContext, item: Text) -> int:
    """Gather what is needed to decide about one item."""
    return len(item.label.split())


async def post_process(context: SkillContext, item: Text, prepared: int) -> ItemReport:
    """Apply what was decided and report it."""
    return ItemReport(item=item.label, found={"words": prepared})
''',
    "test_MODULE.py": '''\
"""pytest runs this where agentroster is installed."""

import asyncio

from agentroster.testing import call, load_skill

SKILL = load_skill(__file__)


def test_it_counts_words() -> None:
    done = asyncio.run(call(SKILL, texts=["one two"]))
    assert done.value["items"] == [{"item": "one two", "found": {"words": 2}}]
    assert "words: 2" in done.shown
''',
}
_PROMPT = {
    "SKILL.md": """\
---
name: NAME
description: Instructions for TITLE. Use them when somebody asks for that.
---
# TITLE

Write here what a model should know and do, in the order in which it is to be done.
""",
    "test_MODULE.py": '''\
"""pytest runs this where agentroster is installed."""

import asyncio

from agentroster import AgentSpec
from agentroster.testing import ScriptedModel, World, load_skill

SKILL = load_skill(__file__)


def test_an_agent_is_told_what_stands_here() -> None:
    model = ScriptedModel("Done.")
    agent = AgentSpec(name="tester", skills=("NAME",))
    done = asyncio.run(World(model=model, skills=[SKILL]).run(agent, "Do it."))
    assert done.text == "Done."
    assert "in the order in which it is to be done" in model.texts[0]
''',
}
_FILES = {"tools": _TOOLS, "pipeline": _PIPELINE, "prompt": _PROMPT}


def write_skeleton(parent: Path, name: str, kind: str) -> Path:
    """Write the folder of a new skill and return it. Raises BadInput for a bad name, or where something is already."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise BadInput(
            f"{name!r} is no skill name: use lower-case letters, digits and single hyphens, a letter first, "
            f"at most {_MAX_NAME} characters."
        )
    if name in TAKEN_COMMANDS:
        raise BadInput(f"/{name} is a command of every agent: choose another name.")
    folder = parent / name
    try:
        folder.mkdir(parents=True)
        for file, text in _FILES[kind].items():
            (folder / _filled(file, name)).write_text(_filled(text, name), encoding="utf-8")
    except FileExistsError as error:
        raise BadInput(f"{folder} exists: choose another name; nothing was written.") from error
    except OSError as error:
        raise BadInput(f"{folder} cannot be written: {error.strerror}.") from error
    return folder


def _filled(text: str, name: str) -> str:
    # A function may not be called like a keyword of Python ("import"), or one of the files ("handler").
    module, title = name.replace("-", "_"), name.replace("-", " ").capitalize()
    words = {"NAME": name, "TITLE": title, "MODULE": module, "FUNCTION": f"{module}_greet"}
    return re.sub("|".join(words), lambda match: words[match[0]], text)
