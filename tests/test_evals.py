"""What the extraction must read from the corpus of model cards without a language model."""

import pytest

from evals.cases import CARDS, Case, load_cases
from evals.measure import FIELDS, Outcome, measure, scores

# Cards that nobody had tuned the rules on; and those that they were made with.
CORPORA = {"cards": 186, "wild": 111}


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
