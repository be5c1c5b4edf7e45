"""What the extraction must read from the corpus of model cards without a language model."""

import pytest

from evals.asked import asked, truthful
from evals.cases import CARDS, Case, load_cases
from evals.lies import lies
from evals.measure import FIELDS, Outcome, measure, scores

# All of them were written before the rules had seen them; since then the rules were mended on each.
CORPORA = {"cards": 186, "wild": 111, "unseen": 111, "blind": 127, "fresh": 51, "last": 25, "second": 135, "third": 39}


@pytest.fixture(scope="module", params=CORPORA)
def cases(request: pytest.FixtureRequest) -> list[Case]:
    found = load_cases(CARDS.with_name(request.param))
    assert len(found) >= CORPORA[request.param]
    return found


@pytest.fixture(scope="module")
def outcomes(cases: list[Case]) -> list[Outcome]:
    return measure(cases)


@pytest.mark.parametrize(
    ("field", "least"), [("base_model", 0.97), ("preview", 0.97), ("trained_words", 0.95), ("tags", 1.0)]
)
def test_the_corpus_is_read_right(outcomes: list[Outcome], field: str, least: float) -> None:
    assert scores(outcomes)[field].accuracy >= least, [one for one in outcomes if one.field == field and not one.right]


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_is_invented(outcomes: list[Outcome], field: str) -> None:
    assert [one for one in outcomes if one.field == field and one.wrong] == []


def test_every_case_is_measured(cases: list[Case], outcomes: list[Outcome]) -> None:
    assert {one.case for one in outcomes} == {case.name for case in cases}


@pytest.mark.parametrize("name", lies())
def test_of_a_lying_model_next_to_nothing_is_written(name: str) -> None:
    cases = [
        case
        for corpus in ("unseen", "blind", "fresh", "last", "second", "third")
        for case in load_cases(CARDS.with_name(corpus))
    ]
    outcomes = measure(cases, asked(lies()[name]))
    assert [one for one in outcomes if one.wrong] == []


def test_a_truthful_model_reads_more_than_the_rules() -> None:
    cases = [
        case
        for corpus in ("unseen", "blind", "fresh", "last", "second", "third")
        for case in load_cases(CARDS.with_name(corpus))
    ]
    alone, helped = measure(cases), measure(cases, asked(truthful))
    assert sum(one.right for one in helped) > sum(one.right for one in alone)
    assert [one for one in helped if one.wrong] == []
