"""One call of a skill: what it was refused, and whether it is over. Each door that a skill is handed belongs to one."""

import json
import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

from agentroster.errors import NotAllowed
from agentroster.logs import redactor

logger = logging.getLogger(__name__)

_LONGEST_LINE, _MOST_NOTED = 200, 20

_of_item: ContextVar[list[str] | None] = ContextVar("roster_refusals_of_item", default=None)


class SkillCall:
    """What was refused stands in the log at once, also where the skill keeps silent about it, and is told at the end.

    A door outside any call (for sign-ins, say) has one without a skill, which notes nothing.
    """

    def __init__(self, skill: str = "", tool: str = "") -> None:
        self._skill = skill
        self._tool = tool
        self._is_over = False
        self._noted = 0
        self._refusals: list[str] = []

    def refuse(self, reason: str, *, logged: str = "") -> NotAllowed:
        """Note what was tried and return the error to raise; `logged` stands in the log instead of the reason."""
        if self._skill and self._noted < _MOST_NOTED:
            self._noted += 1
            logger.warning("refused: skill %s, tool %s: %s", self._skill, self._tool, _one_line(logged or reason))
            of_item = _of_item.get()
            (self._refusals if of_item is None else of_item).append(redactor.clean(reason))
            if self._noted == _MOST_NOTED:
                logger.warning(
                    "skill %s, tool %s: further refusals of this call are not noted", self._skill, self._tool
                )
        return NotAllowed(reason)

    def require_open(self) -> None:
        """Raise NotAllowed when the call is over: what it was handed is good for one call."""
        if self._is_over:
            raise self.refuse("This call is over: what a tool is handed is good for one call.")

    def end(self) -> None:
        """Close all doors of this call."""
        self._is_over = True

    def untold(self, told: str) -> list[str]:
        """Return what was refused, but for what the JSON text `told` says already."""
        return untold(self._refusals, told)


@contextmanager
def noting() -> Generator[list[str]]:
    """Yield the list that takes the refusals of this task, and those it starts, until the end of the block."""
    refusals: list[str] = []
    token = _of_item.set(refusals)
    try:
        yield refusals
    finally:
        _of_item.reset(token)


def untold(refusals: Iterable[str], told: str) -> list[str]:
    """Return the refusals that a JSON text does not mention."""
    return [one for one in dict.fromkeys(refusals) if json.dumps(one, ensure_ascii=False)[1:-1].rstrip(".") not in told]


def _one_line(text: str) -> str:
    """Return a text that a stranger may have chosen as part of one line."""
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
