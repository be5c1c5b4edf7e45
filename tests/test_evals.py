"""What the extraction must read from the corpus of model cards without a language model."""

import codecs

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.deciding import triggers
from evals.ablate import ablations, decided_again
from evals.asked import asked, truthful
from evals.cases import CORPORA, Case, load_cases
from evals.lies import lies
from evals.measure import FIELDS, Outcome, measure, scores

# All of them were written before the rules had seen them; since then the rules were mended on each.
SIZES = {"cards": 186, "wild": 111, "unseen": 111, "blind": 127, "fresh": 51, "last": 25, "second": 135, "third": 39}
SIZES |= {"november": 80, "hobby": 74}
# Where the writers of two sets want different things of the same form: the first picture, though its prompt is blank;
# words with commas in one code span as one.
DISAGREED = {"h-023", "h-036"}


@pytest.fixture(scope="module", params=SIZES)
def cases(request: pytest.FixtureRequest) -> list[Case]:
    found = load_cases(request.param)
    assert len(found) >= SIZES[request.param]
    return found


@pytest.fixture(scope="module")
def outcomes(cases: list[Case]) -> list[Outcome]:
    return measure(cases)


def test_every_case_has_a_name_of_its_own_and_says_who_wrote_it_when() -> None:
    assert list(SIZES) == list(CORPORA)
    for name, path in CORPORA.items():
        cases = load_cases(name)
        assert len({case.name for case in cases}) == len(cases)
        assert all(case.author and path.stem == f"{name}-{case.written[:10]}" for case in cases)


def test_the_odd_bytes_of_cards_are_kept() -> None:
    cards = [case.card for corpus in CORPORA for case in load_cases(corpus)]
    assert sum(card.startswith(codecs.BOM_UTF8) for card in cards) == 3
    assert sum(b"\r\n" in card for card in cards) == 4
    assert sum(card.decode(errors="replace").encode() != card for card in cards) == 3
    assert not any(b"\r" in path.read_bytes() for path in CORPORA.values())


@pytest.mark.parametrize(
    ("field", "least"), [("base_model", 0.97), ("preview", 0.93), ("trained_words", 0.93), ("tags", 1.0)]
)
def test_the_corpus_is_read_right(outcomes: list[Outcome], field: str, least: float) -> None:
    assert scores(outcomes)[field].accuracy >= least, [one for one in outcomes if one.field == field and not one.right]


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_is_invented(outcomes: list[Outcome], field: str) -> None:
    assert [one for one in outcomes if one.field == field and one.wrong and one.case not in DISAGREED] == []


def test_every_case_is_measured(cases: list[Case], outcomes: list[Outcome]) -> None:
    assert {one.case for one in outcomes} == {case.name for case in cases}


@pytest.mark.parametrize("name", lies())
def test_of_a_lying_model_next_to_nothing_is_written(name: str) -> None:
    cases = [case for corpus in ("unseen", "blind", "fresh", "last", "second", "third") for case in load_cases(corpus)]
    outcomes = measure(cases, asked(lies()[name]))
    assert [one for one in outcomes if one.wrong] == []


def test_a_truthful_model_reads_more_than_the_rules() -> None:
    cases = [case for corpus in ("unseen", "blind", "fresh", "last", "second", "third") for case in load_cases(corpus)]
    alone, helped = measure(cases), measure(cases, asked(truthful))
    assert sum(one.right for one in helped) > sum(one.right for one in alone)
    assert [one for one in helped if one.wrong] == []


def test_an_ablation_tells_what_each_rule_earns_and_puts_it_back() -> None:
    cases = load_cases("last")
    found = {(table, rule): difference["last"] for table, rule, difference in ablations({"last": cases})}
    assert found["base model", "text, any"] == (-5, 0, 5)
    assert found["base model", "header, any"] == (0, 0, 0)
    assert found["trigger words", "text, one"][0] < -10
    assert {rule for table, rule in found if table == "trigger words in a text"} == set(triggers.FORMS)
    assert sum(one.right for one in measure(cases)) == sum(one.right for one in measure(cases, decided_again))
