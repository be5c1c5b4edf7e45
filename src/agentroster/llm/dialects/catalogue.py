"""All that is known of model servers, in one list; `docs/model-servers.md` is made from it."""

from agentroster.llm.dialects import (
    arguments,
    calls,
    faults,
    growth,
    habits,
    message,
    names,
    outgoing,
    refusals,
    spoken,
    thinking,
    wire,
)
from agentroster.llm.dialects.rule import Rule

CATALOGUE: dict[str, tuple[Rule, ...]] = {
    "Known by name": habits.DIALECTS,
    "Learnt from a refusal": refusals.RULES,
    "What goes to a server": outgoing.RULES,
    "How an answer is framed": wire.RULES,
    "Errors inside an answer": faults.RULES,
    "Where things stand in an answer": message.RULES,
    "Text": (*growth.RULES, *thinking.RULES),
    "Tool calls": (*calls.RULES, *names.RULES, *arguments.RULES),
    "Tool calls in words": spoken.RULES,
}
"""Rules by the place in an answer's life where they apply."""
