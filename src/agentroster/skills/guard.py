"""Guards one call of a tool: whatever a skill is handed passes through it.

It closes every capability when the call ends. Records refusals: logged at once, reported at the end even if the skill
hides them. The capabilities themselves raise NotAllowed and know nothing of skills.
"""

import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from agentroster.errors import NotAllowed
from agentroster.logs import redactor
from agentroster.messages import say

logger = logging.getLogger(__name__)

_MAX_LINE, _MAX_NOTED = 200, 20

_noted: ContextVar[list[str] | None] = ContextVar("roster_refusals", default=None)
_T = TypeVar("_T")


class Guard:
    """Watches one call of a skill's tool, until `end`; outside any call (no skill) it notes nothing."""

    def __init__(self, skill: str, tool: str) -> None:
        self._skill = skill
        self._tool = tool
        self._is_over = False
        self._count = 0

    def around(self, capability: _T) -> _T:
        """Return a capability that notes what it refuses, and is closed once the call is over.

        What it opens is guarded too: an account, which can be closed.
        """
        return cast("_T", _Guarded(capability, self))

    def require_open(self) -> None:
        """Raise NotAllowed when the call is over: what it was handed is good for one call."""
        if self._is_over:
            error = NotAllowed(say("skills.call_over"))
            self.note(error)
            raise error

    def note(self, error: NotAllowed) -> None:
        """Log a refusal, and add it to the notes of the call, or of the item that is being worked on."""
        if not self._skill or self._count >= _MAX_NOTED:
            return
        self._count += 1
        logger.warning("refused: skill %s, tool %s: %s", self._skill, self._tool, _one_line(error.logged))
        noted = _noted.get()
        if noted is not None:
            noted.append(redactor.clean(error.message))
        if self._count == _MAX_NOTED:
            logger.warning("skill %s, tool %s: further refusals of this call are not noted", self._skill, self._tool)

    def end(self) -> None:
        """Close all that was handed out."""
        self._is_over = True


class _Guarded:
    """Stands for a capability: passes calls on, and watches them."""

    __slots__ = ("_capability", "_guard")

    def __init__(self, capability: object, guard: Guard) -> None:
        self._capability = capability
        self._guard = guard

    def __repr__(self) -> str:
        return repr(self._capability)

    def __reduce__(self) -> str:
        raise TypeError("a capability is not pickled")

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        value: object = getattr(self._capability, name)
        if not callable(value):
            self._guard.require_open()
            return value
        return self._watched(value)

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        guard = self._guard

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            guard.require_open()
            try:
                result: object = function(*args, **options)
            except NotAllowed as error:
                guard.note(error)
                raise
            return _awaited(result, guard) if inspect.isawaitable(result) else result

        return call


async def _awaited(result: Awaitable[object], guard: Guard) -> object:
    try:
        value = await result
    except NotAllowed as error:
        guard.note(error)
        raise
    return guard.around(value) if hasattr(value, "close") else value


@contextmanager
def noting() -> Generator[list[str]]:
    """Yield the list that takes the refusals of this task, and those it starts, until the end of the block."""
    refusals: list[str] = []
    token = _noted.set(refusals)
    try:
        yield refusals
    finally:
        _noted.reset(token)


def unreported(refusals: Iterable[str], told: str) -> list[str]:
    """Return the refusals that a JSON text does not mention."""
    return [one for one in dict.fromkeys(refusals) if json.dumps(one, ensure_ascii=False)[1:-1].rstrip(".") not in told]


def _one_line(text: str) -> str:
    """Return a text that a stranger may have chosen as part of one line."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= _MAX_LINE else f"{line[:_MAX_LINE]}..."
