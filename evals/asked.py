"""What the rules left open, asked of a scripted model in place of a language model, and checked as any answer is."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias, cast

from agentroster.builtin.skills.enrich_hf_metadata.asking.questions import Prepared
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import Chunk, CompletionRequest
from agentroster.skills.pipeline import Pipeline
from agentroster.skills.registry import SkillRegistry
from evals.cases import Case
from evals.lies import SPELLINGS, Lie, lines_of

Answer: TypeAlias = Callable[[Case, Prepared], Prepared]
"""Completes what the rules found about a case."""

_MAX_QUOTE = 300


@dataclass(frozen=True, slots=True)
class _Scripted:
    """A chat model that answers one case by a script; it sees what a language model would see."""

    case: Case
    script: Lie

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Yield the whole answer at once."""
        shown = cast("str", request.messages[1]["content"]).split("\n", 2)[2].rsplit("\n", 1)[0]
        yield Chunk(text=self.script(self.case, shown), finish="stop")


def asked(script: Lie) -> Answer:
    """Return who completes cases by asking a model that answers by this script."""
    pipeline = cast("Pipeline", SkillRegistry.load().get("enrich-hf-metadata").pipeline)

    def answer(case: Case, prepared: Prepared) -> Prepared:
        asker = pipeline.asker(lambda: ModelChoice("scripted", _Scripted(case, script)))
        if asker is None:
            return prepared
        # Not asyncio.run: that writes out the whole card for its handler of signals.
        with closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(asker.complete(prepared))[0]

    return answer


def truthful(case: Case, data: str) -> str:
    """Answer what the card says where a line of it can be quoted, and nothing elsewhere."""
    lines = lines_of(data)
    words = [word for word in case.expected.trained_words if word in data]
    base_quote = _quote_of_base(case.expected.base_model, lines)
    quote = _quote_of_words(words, data)
    values: Mapping[str, object] = {
        "base_model_quote": base_quote,
        "base_model": case.expected.base_model if base_quote else "",
        "trained_words_quote": quote,
        "trained_words": words if quote else [],
        "description": "",
    }
    return json.dumps(values)


def _quote_of_base(name: str | None, lines: list[str]) -> str:
    patterns = [pattern for pattern, named in SPELLINGS.items() if named == name]
    patterns += [re.escape(name)] if name else []
    found = (line for line in lines for pattern in patterns if re.search(pattern, line, re.IGNORECASE))
    return next(found, "")[:_MAX_QUOTE]


def _quote_of_words(words: list[str], data: str) -> str:
    """Return the lines from the one with the first word to the one with the last."""
    if not words:
        return ""
    start = data.rfind("\n", 0, data.find(words[0])) + 1
    last = data.find(words[-1], start)
    end = data.find("\n", last)
    quote = data[start : end if end >= 0 else len(data)]
    return quote if len(quote) <= _MAX_QUOTE else quote[:_MAX_QUOTE]
