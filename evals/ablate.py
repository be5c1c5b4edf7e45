"""What each rule of the enrichment earns: what is read otherwise on each set when it is taken out of its table."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeAlias

from agentroster.builtin.skills.enrich_hf_metadata.asking.questions import Prepared
from agentroster.builtin.skills.enrich_hf_metadata.deciding import (
    base_rules,
    base_statements,
    triggers,
    word_rules,
)
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Rule
from evals.cases import Case
from evals.measure import Outcome, measure

TABLES: Sequence[tuple[str, ModuleType, str]] = (
    ("base model", base_rules, "RULES"),
    ("base model in a text", base_statements, "FORMS"),
    ("base model in a section", base_statements, "SECTION_FORMS"),
    ("base model in an opening", base_statements, "OPENING_FORMS"),
    ("trigger words", word_rules, "RULES"),
    ("trigger words in a text", triggers, "FORMS"),
    ("trigger words outright", triggers, "OUTRIGHT"),
)
"""Each table of rules that are tried in turn: what it is for, and where it stands."""

Table: TypeAlias = Mapping[str, object] | Sequence[Rule[Any]]
Difference: TypeAlias = tuple[int, int, int]
"""How many fields more are right, wrong and missing without the rule."""


def ablations(cases: Mapping[str, Sequence[Case]]) -> Iterator[tuple[str, str, dict[str, Difference]]]:
    """Yield for each table and rule the difference on each set."""
    whole = {name: _counts(measure(found, decided_again)) for name, found in cases.items()}
    for title, module, name in TABLES:
        for rule in getattr(module, name):
            with _without(module, name, rule):
                counts = {corpus: _counts(measure(found, decided_again)) for corpus, found in cases.items()}
            yield title, _name_of(rule), {one: _difference(counts[one], whole[one]) for one in cases}


@contextmanager
def _without(module: ModuleType, name: str, rule: object) -> Generator[None]:
    table: Table = getattr(module, name)
    if isinstance(table, Mapping):
        less: Table = {one: form for one, form in table.items() if one != rule}
    else:
        less = [one for one in table if one is not rule]
    setattr(module, name, less)
    try:
        yield
    finally:
        setattr(module, name, table)


def decided_again(_case: Case, prepared: Prepared) -> Prepared:
    """Return what was prepared with everything decided again that the tables are about."""
    source = prepared.source
    base, evidence = base_rules.base_model(source)
    words, _ = word_rules.trained_words(source)
    return replace(
        prepared,
        found=replace(prepared.found, base_model=base, base_model_evidence=evidence, trained_words=words),
    )


def _counts(outcomes: Sequence[Outcome]) -> Difference:
    right, wrong = sum(one.right for one in outcomes), sum(one.wrong for one in outcomes)
    return right, wrong, len(outcomes) - right - wrong


def _difference(left: Difference, right: Difference) -> Difference:
    return left[0] - right[0], left[1] - right[1], left[2] - right[2]


def _name_of(rule: str | Rule[Any]) -> str:
    name = rule if isinstance(rule, str) else f"{rule.evidence.name}, {rule.scope.name}"
    return name.lower().replace("_", " ")
