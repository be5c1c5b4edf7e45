"""Says what can be written instead of a command that nobody has, or of a sentence that needs a language model."""

import re
from collections.abc import Sequence

from agentroster import spelling
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.manifest import Command, canonical_name

_MAX_WORDS, _MAX_EXAMPLES, _MAX_ARGUMENT = 200, 3, 100
_PLAIN = re.compile(r"[^`\n]*")


def no_such_command(name: str, argument: str, known: Sequence[str]) -> str:
    """Return the sentence about an unknown command; the nearest one that there is has the same argument."""
    near = spelling.closest(canonical_name(name.lower()), known)
    if not near:
        return say("runs.no_command", name=name)
    argument = argument.strip()
    kept = f" {argument}" if argument and len(argument) <= _MAX_ARGUMENT and _PLAIN.fullmatch(argument) else ""
    return say("runs.no_command_but", name=name, nearest=f"/{near}{kept}")


def offline(text: str, commands: Sequence[tuple[Command, Sequence[str]]]) -> str:
    """Return what to write where no model is; `commands` are those of the agent, with examples, if there are any."""
    if not commands:
        return say("runs.offline_without_commands")
    words = re.findall(r"\w{3,}", text.lower())[:_MAX_WORDS]
    nearest = sorted(commands, key=lambda command: -_nearness(words, command[0]))
    # What a skill made of its library comes before how a command is written.
    texts = [example for _, examples in nearest for example in examples] or [command.usage for command, _ in nearest]
    shown = [f"`{escape_markdown(example)}`" for example in dict.fromkeys(texts) if _PLAIN.fullmatch(example)]
    return say("runs.offline", examples=", ".join(shown[:_MAX_EXAMPLES]))


def _nearness(words: Sequence[str], command: Command) -> int:
    """Return how many words of a message stand, or nearly stand, in what a command says of itself."""
    known = set(re.findall(r"\w{3,}", f"{command.name} {command.help}".lower()))
    return sum(word in known or bool(spelling.nearest(word, known)) for word in words)
