"""Slash commands, and with no language model the whole conversation: tools without a model."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentroster.agents import account_commands
from agentroster.agents.chat import Emit, Text
from agentroster.agents.spec import AgentSpec
from agentroster.agents.tool_call import shown_call
from agentroster.library.library import Library
from agentroster.llm import offline
from agentroster.skills.context import SkillContext
from agentroster.skills.foreign_text import as_words
from agentroster.skills.manifest import Command
from agentroster.skills.registry import Skill
from agentroster.skills.tools import Tool

_FORM = re.compile(r"/([a-z][a-z0-9-]*)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A tool and its arguments, chosen by what somebody wrote."""

    skill: Skill
    tool: Tool
    arguments: dict[str, Any]


Finder: TypeAlias = Callable[[str, Sequence[Skill], Library], Invocation | None]


def help_text(spec: AgentSpec, skills: Sequence[Skill]) -> str:
    """Return what `/help` says."""
    lines = [f"**{spec.shown_title}**: {spec.description}", "", "| Command | What it does |", "| --- | --- |"]
    lines += [f"| `{_escaped(command.usage)}` | {command.help} |" for _, _, command in _commands(skills)]
    lines += [f"| `{_escaped(usage)}` | {what} |" for usage, what in account_commands.HELP]
    lines.append("| `/help` | this list |")
    return "\n".join(lines) + "\n"


def find_command(text: str, skills: Sequence[Skill], library: Library) -> Invocation | None:
    """Return what a slash command asks for, or None when the text is no known command."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    for skill, tool, command in _commands(skills):
        if command.name == match[1]:
            return Invocation(skill, tool, _arguments(skill, tool, command, (match[2] or "").strip(), library))
    return None


def understand(text: str, skills: Sequence[Skill], library: Library) -> Invocation | None:
    """Return what a plain message asks of a skill that understands plain messages, or None."""
    for skill in skills:
        arguments = skill.understand(text, library) if skill.understand else None
        if arguments is not None:
            return Invocation(skill, skill.tools[0], arguments)
    return None


async def invoke(
    invocation: Invocation, context: SkillContext, emit: Emit, ready: Callable[[], Awaitable[None]]
) -> str:
    """Call the tool and show what it shows; a failure is shown as its sentence.

    Returns the provider whose account must be connected first, or an empty text.
    """
    shown = False

    async def show(text: str) -> None:
        nonlocal shown
        shown = True
        emit(Text(text))
        await ready()

    outcome = await shown_call(invocation.tool, context.showing(show), invocation.arguments, emit)
    if outcome.refused:
        shown = True
        emit(Text(f"\n{refusals_text(outcome.refused)}\n\n"))
    if outcome.needs:
        return outcome.needs
    if outcome.failed:
        usage = f"\n\nUsage: `{invocation.tool.command.usage}`" if invocation.tool.command else ""
        emit(Text(("\n" if shown else "") + json.loads(outcome.text)["error"] + usage + "\n"))
    elif not shown:
        emit(Text(f"```json\n{outcome.text}\n```\n"))
    return ""


def refusals_text(refusals: Sequence[str]) -> str:
    """Return what a person is told of refusals that a skill keeps to itself."""
    return "A skill tried what it may not do, and was refused: " + " ".join(map(as_words, refusals)) + "\n"


def unknown_command(text: str) -> str:
    """Return the answer, without a model, to a message that is no command and means nothing to a skill."""
    match = _FORM.fullmatch(text)
    if match is not None:
        return f"There is no command /{match[1]} here: /help lists the commands.\n"
    return offline.TEXT + "\n"


def _commands(skills: Sequence[Skill]) -> list[tuple[Skill, Tool, Command]]:
    return [(skill, tool, tool.command) for skill in skills for tool in skill.tools if tool.command is not None]


def _arguments(skill: Skill, tool: Tool, command: Command, text: str, library: Library) -> dict[str, Any]:
    if not text or command.argument is None:
        return {}
    understood = skill.understand(text, library) if skill.understand else None
    if understood is not None:
        return understood
    schema: dict[str, Any] = tool.parameters.get("properties", {}).get(command.argument, {})
    return {command.argument: [text] if schema.get("type") == "array" else text}


def _escaped(usage: str) -> str:
    return usage.replace("|", "\\|")
