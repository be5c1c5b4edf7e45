"""What a skill made of a person's message: a call, a refusal in words, or nothing."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from agentroster.skills.context import SkillContext


@dataclass(frozen=True, slots=True)
class Call:
    """The message was understood to its last word, and asks for the skill's tool with these arguments."""

    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The message is about this skill, and nothing is done: the sentence answers it, or says what to write instead."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Plan(Refusal):
    """Nothing is done yet: the sentence says what would be, and after a "yes" the tool is called with the arguments.

    The sentence names all that matters of the call: a "yes" counts only for the very sentence that was shown.
    """

    arguments: Mapping[str, Any]


Outcome: TypeAlias = Call | Refusal | None
"""None: the message is about something else."""

Understand: TypeAlias = Callable[[str, SkillContext], Outcome | dict[str, Any]]
"""A handler's own function, called in a thread; a plain dict of arguments is a `Call`."""

Examples: TypeAlias = Callable[[SkillContext], Sequence[str]]
"""A handler's own function, called in a thread: messages that the skill understands here, the most useful first."""


def with_context(function: Callable[..., Any] | None) -> Understand | None:
    """Return a handler's function as one that takes the context; earlier ones take the library, and say so."""
    if function is None or "library" not in inspect.signature(function).parameters:
        return function
    return lambda text, context: function(text, context.library)


def outcome_of(value: object) -> Outcome:
    """Return what a handler's function gave back, in its closed form. Raises TypeError for anything else."""
    if isinstance(value, dict):
        return Call(cast("dict[str, Any]", value))
    if value is None or isinstance(value, Call | Refusal):
        return value
    raise TypeError(f"understand returned {type(value).__name__}: a Call, a Refusal, a dict or None is expected")
