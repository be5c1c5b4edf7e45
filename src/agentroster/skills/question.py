"""Asks a language model what a pipeline left undecided about an item."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from agentroster.errors import RosterError, UpstreamError
from agentroster.llm.backend import ModelChoice
from agentroster.llm.structured import Question, ask
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.skills.prompt import Prompt

FindModel: TypeAlias = Callable[[], ModelChoice | None]
"""Returns the model of the agent that runs a pipeline, or None when there is none."""

_MAX_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What is undecided: a JSON Schema of just those fields, and the text of others in which the answer stands.

    `variables` go into our own prompt and must be our own words; whatever a stranger wrote belongs into `data`.
    """

    schema: Mapping[str, Any]
    data: str
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    max_tokens: int = 1_000


class ModelAnswer(dict[str, Any]):
    """The values of an answer, and the name of the model that gave it."""

    def __init__(self, values: Mapping[str, Any], model: str) -> None:
        super().__init__(values)
        self.model = model


class AskingHandler(Protocol):
    """What `handler.py` of a pipeline adds to ask a language model; both run in a thread."""

    def open_fields(self, prepared: Any) -> OpenQuestion | None:
        """Return what stayed undecided, or None when nothing is to be asked."""
        ...

    def accept(self, prepared: Any, answer: Mapping[str, Any]) -> Any:
        """Return `prepared` with those values of the answer that stand a check of their own; the others are dropped.

        The engine hands over a `ModelAnswer`.
        """
        ...


class Asker:
    """Asks for the items of one run; stops asking a model that cannot be reached."""

    def __init__(self, handler: AskingHandler, prompt: Prompt, model: ModelChoice) -> None:
        self._handler = handler
        self._prompt = prompt
        self._model = model
        self._failures_in_a_row = 0

    async def complete(self, prepared: Any) -> tuple[Any, str]:
        """Return what is decided after asking, and in words why the model did not help (empty when it did).

        A failure of the model is never one of the item: what was decided without it stays.
        """
        undecided = await asyncio.to_thread(self._handler.open_fields, prepared)
        if undecided is None:
            return prepared, ""
        if self._failures_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            return prepared, say("skills.not_asked_any_more")
        question = Question(
            instructions=self._prompt.fill(undecided.variables),
            data=undecided.data,
            schema=undecided.schema,
            max_tokens=undecided.max_tokens,
        )
        try:
            answer = await ask(self._model, question)
        except RosterError as error:
            unreachable = isinstance(error, UpstreamError)
            self._failures_in_a_row = self._failures_in_a_row + 1 if unreachable else 0
            return prepared, say("skills.could_not_help", reason=redactor.clean(error.message))
        self._failures_in_a_row = 0
        values = ModelAnswer(answer.values, self._model.name)
        return await asyncio.to_thread(self._handler.accept, prepared, values), ""
