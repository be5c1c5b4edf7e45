"""Tries a model server as an agent uses it, one trial after another, and says what came of each."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agentroster.errors import RosterError, UpstreamTimeout
from agentroster.llm.backend import ModelChoice
from agentroster.llm.dialects.habits import HabitMemory
from agentroster.llm.dialects.wishes import wishes_of
from agentroster.llm.model_trials import TRIALS, Session, Trial
from agentroster.logs import redactor

State: TypeAlias = Literal["works", "fails", "not seen", "learnt"]

STATES: tuple[State, ...] = ("works", "fails", "not seen", "learnt")
HOW_IT_IS_ASKED = "how it is asked"
WHATS = (*(trial.what for trial in TRIALS), HOW_IT_IS_ASKED)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one trial; `note` says what was seen, or why not. Only what agents need "fails"."""

    what: str
    state: State
    note: str


async def check_model(choice: ModelChoice, memory: HabitMemory) -> AsyncIterator[Finding]:
    """Yield one finding after another; `memory` is where the ways to ask this server are remembered.

    When the simplest question ends in an error, so would all others, and that is the only finding.
    """
    session = Session(choice)
    for number, trial in enumerate(TRIALS):
        try:
            note, is_good = await trial.run(session)
        except RosterError as error:
            yield _finding(trial, _reason(error), is_good=False)
            if number == 0:
                return
        else:
            yield _finding(trial, note, is_good=is_good)
    wishes = wishes_of(memory.get(choice.server, choice.name))
    if wishes:
        yield Finding(HOW_IT_IS_ASKED, "learnt", "; ".join(wishes))


def _finding(trial: Trial, note: str, *, is_good: bool) -> Finding:
    # Models and servers repeat what they were sent: neither the key nor an escape sequence reaches the terminal.
    shown = "".join(char if char.isprintable() else " " for char in redactor.clean(note))
    return Finding(trial.what, "works" if is_good else "fails" if trial.is_needed else "not seen", shown)


def _reason(error: RosterError) -> str:
    if isinstance(error, UpstreamTimeout):
        return (
            "The language model said nothing for as long as LLM_TIMEOUT_SECONDS allows. If it is still being loaded, "
            "try again; otherwise set more, or take a smaller model."
        )
    return error.message
