"""Runs slash commands, and without a language model whatever a skill understands."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from agentroster.agents.spec import AgentSpec
from agentroster.messages import say
from agentroster.runs import agreement, job_commands, nearest_command
from agentroster.runs.account_commands import common_names, help_rows
from agentroster.runs.chat import Emit, Text
from agentroster.runs.tool_events import followed_call, told
from agentroster.skills.context import SkillContext
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.manifest import Command, canonical_name
from agentroster.skills.registry import Skill
from agentroster.skills.tools import Tool
from agentroster.skills.toolset import Audience, Toolset
from agentroster.skills.understanding import Call, Outcome, Plan, Refusal, Understand, outcome_of

logger = logging.getLogger(__name__)

_FORM = re.compile(r"/([a-z][a-z0-9_-]*)(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A tool and its arguments, chosen by what somebody wrote."""

    skill: Skill
    tool: Tool
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer(Refusal):
    """What a skill would do after a "yes"."""

    invocation: Invocation


ContextOf: TypeAlias = Callable[[Skill], SkillContext]
"""Returns the world as a skill sees it while it reads a message."""

Finder: TypeAlias = Callable[[str, Sequence[Skill], ContextOf], Invocation | Refusal | None]


def help_text(spec: AgentSpec, skills: Sequence[Skill]) -> str:
    """Return the answer to `/help`: the agent, and a table of its commands."""
    rows = [(command.usage, command.help) for _, _, command in _commands(skills)]
    rows += [*help_rows(), (job_commands.USAGE, say("runs.help_jobs")), ("/help", say("runs.help_help"))]
    lines = [f"**{spec.display_name}**: {spec.description}", "", say("runs.command_table"), "| --- | --- |"]
    lines += ["| `{}` | {} |".format(usage.replace("|", "\\|"), what) for usage, what in rows]
    return "\n".join(lines) + "\n"


def find_command(text: str, skills: Sequence[Skill], context_of: ContextOf) -> Invocation | Refusal | None:
    """Return what a slash command asks for, or None when the text is no known command."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    for skill, tool, command in _commands(skills):
        if command.name == canonical_name(match[1].lower()):
            outcome = _arguments(skill, tool, command, (match[2] or "").strip(), context_of)
            return _refused(outcome, skill, tool) if isinstance(outcome, Refusal) else Invocation(skill, tool, outcome)
    return None


def understand(text: str, skills: Sequence[Skill], context_of: ContextOf) -> Invocation | Refusal | None:
    """Return the call that a plain message asks for, else the first skill's refusal of it, else None."""
    refusal: Refusal | None = None
    for skill in skills:
        outcome = _understood(skill.understand, skill, text, context_of)
        if isinstance(outcome, Call):
            return Invocation(skill, skill.tools[0], outcome.arguments)
        refusal = refusal or (_refused(outcome, skill, skill.tools[0]) if outcome else None)
    return refusal


def agree(asked: str, shown: str, find: Sequence[Finder]) -> Finder:
    """Return what finds the call that a "yes" agrees to: of the plan for `asked`, if it is still the one `shown`.

    A plan that has changed is shown anew, and nothing is done.
    """

    def found(_text: str, skills: Sequence[Skill], context_of: ContextOf) -> Invocation | Refusal | None:
        offer = next((one for finder in find if (one := finder(asked, skills, context_of))), None)
        if not isinstance(offer, Offer):
            return None
        return offer.invocation if agreement.is_same(offer.sentence, shown) else offer

    return found


def _refused(outcome: Refusal, skill: Skill, tool: Tool) -> Refusal:
    """Return a refusal as it is, and a plan as an offer of the call."""
    if not isinstance(outcome, Plan):
        return outcome
    return Offer(outcome.sentence, Invocation(skill, tool, dict(outcome.arguments)))


async def invoke(invocation: Invocation, toolset: Toolset, emit: Emit, ready: Callable[[], Awaitable[None]]) -> str:
    """Call the tool and show what it shows; a failure is shown as its sentence.

    Returns the provider whose account must be connected first, or an empty text.
    """
    shown = False

    async def show(text: str) -> None:
        nonlocal shown
        shown = True
        emit(Text(text))
        await ready()

    def tell(text: str, title: str = "") -> None:
        nonlocal shown
        if text:
            shown = True
            emit(told(text, title))

    outcome = await followed_call(toolset, invocation.tool, invocation.arguments, emit, audience=Audience(show, tell))
    if outcome.refused:
        shown = True
        emit(Text(f"\n{refusals_text(outcome.refused)}\n\n"))
    if outcome.needs:
        return outcome.needs
    if outcome.failed:
        command = invocation.tool.command
        usage = f"\n\n{say('runs.usage', usage=command.usage)}" if command else ""
        emit(Text(("\n" if shown else "") + json.loads(outcome.text)["error"] + usage + "\n"))
    elif not shown:
        emit(Text(f"```json\n{outcome.text}\n```\n"))
    return ""


def refusals_text(refusals: Sequence[str]) -> str:
    """Return the paragraph that tells a person what a skill was refused, also when the skill does not say so."""
    return say("runs.refusals", refusals=" ".join(map(escape_markdown, refusals))) + "\n"


def find_unknown_command(text: str, skills: Sequence[Skill], _context_of: ContextOf) -> Refusal | None:
    """Return the sentence about a command that nobody has, with the nearest one; None for any other message."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    names = [command.name for _, _, command in _commands(skills)]
    return Refusal(
        nearest_command.no_such_command(match[1], match[2] or "", [*names, *common_names(), job_commands.NAME, "help"])
    )


def without_model(text: str, skills: Sequence[Skill], context_of: ContextOf) -> Refusal:
    """Return the answer to a message that means nothing to a skill where no model is: what can be done instead."""
    examples = {skill.manifest.name: _examples(skill, context_of) for skill in skills}
    commands = [(command, examples[skill.manifest.name]) for skill, _, command in _commands(skills)]
    return Refusal(nearest_command.offline(text, commands))


def _examples(skill: Skill, context_of: ContextOf) -> Sequence[str]:
    """Return what a skill says can be written to it; one that fails has none."""
    if skill.examples is None:
        return []
    try:
        return [str(example) for example in skill.examples(context_of(skill))]
    except Exception:
        logger.exception("the skill %s failed to give examples", skill.manifest.name)
        return []


def _commands(skills: Sequence[Skill]) -> list[tuple[Skill, Tool, Command]]:
    return [(skill, tool, tool.command) for skill in skills for tool in skill.tools if tool.command is not None]


def _understood(function: Understand | None, skill: Skill, text: str, context_of: ContextOf) -> Outcome:
    """Return what a skill's own function understood; one that fails is a refusal, and nothing is done."""
    if function is None:
        return None
    try:
        return outcome_of(function(text, context_of(skill)))
    except Exception:
        logger.exception("the skill %s failed to understand a message", skill.manifest.name)
        return Refusal(say("runs.skill_failed_to_understand", title=skill.manifest.title))


def _arguments(
    skill: Skill, tool: Tool, command: Command, text: str, context_of: ContextOf
) -> dict[str, Any] | Refusal:
    if command.argument is None:
        return {}
    if not text:
        return _without_argument(skill, tool, command.argument, context_of)
    outcome = _understood(skill.understand_command or skill.understand, skill, text, context_of)
    if outcome is not None:
        return outcome.arguments if isinstance(outcome, Call) else outcome
    schema: dict[str, Any] = tool.parameters.get("properties", {}).get(command.argument, {})
    return {command.argument: [text] if schema.get("type") == "array" else text}


def _without_argument(skill: Skill, tool: Tool, argument: str, context_of: ContextOf) -> dict[str, Any] | Refusal:
    """Return no arguments; or, where the tool needs one, how the skill itself says that it is asked."""
    if argument in tool.parameters.get("required", []):
        outcome = _understood(skill.understand_command, skill, "", context_of)
        if isinstance(outcome, Refusal):
            return outcome
    return {}
