"""Each case through the skill's own functions, and what came out against what was expected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from agentroster.builtin.skills.enrich_hf_metadata.applying import merge
from agentroster.builtin.skills.enrich_hf_metadata.asking.questions import Prepared
from agentroster.builtin.skills.enrich_hf_metadata.deciding import pictures
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import extract
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.encoding import decoded
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts, weight_files
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.library.sidecar import Sidecar
from evals.asked import Answer
from evals.cases import Case

DESCRIPTION = "civitai.description"
FIELDS = ("base_model", "trained_words", "preview", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One field of one case; `wrong` means that a value was given which the card does not state."""

    case: str
    field: str
    expected: object
    actual: object
    right: bool
    wrong: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How often a field was right, and how often it was worse than empty."""

    cases: int
    right: int
    wrong: int

    @property
    def accuracy(self) -> float:
        """The share of right cases, from 0 to 1."""
        return self.right / self.cases if self.cases else 1.0


def measure(cases: Iterable[Case], answer: Answer | None = None) -> list[Outcome]:
    """Return the outcome of every field of every case; `answer` completes what the rules left open."""
    return [outcome for case in cases for outcome in _outcomes(case, answer)]


def scores(outcomes: Sequence[Outcome]) -> dict[str, Score]:
    """Return the score of each field."""
    return {field: _score([outcome for outcome in outcomes if outcome.field == field]) for field in FIELDS}


def _score(outcomes: Sequence[Outcome]) -> Score:
    return Score(len(outcomes), sum(one.right for one in outcomes), sum(one.wrong for one in outcomes))


def _outcomes(case: Case, answer: Answer | None) -> Iterator[Outcome]:
    sidecar, found_preview, from_model = _sidecar(case, answer)
    yield _one(case, "base_model", case.expected.base_model, sidecar.get("base_model"))
    civitai = cast("Mapping[str, object]", sidecar.get("civitai") or {})
    yield _words(case, cast("Sequence[str]", civitai.get("trainedWords") or ()))
    yield _one(case, "preview", pictures.resolve(case.expected.preview or "", case.repository), found_preview)
    if case.tags_include or case.tags_exclude:
        yield _tags(case, cast("Sequence[str]", sidecar.get("tags") or ()))
    if DESCRIPTION in from_model:
        # Of a text nobody can say that it is right; of a liar's, that it is wrong.
        yield Outcome(
            case=case.name, field=DESCRIPTION, expected="", actual=civitai.get("description"), right=False, wrong=True
        )


def _sidecar(case: Case, answer: Answer | None) -> tuple[Sidecar, str | None, Sequence[str]]:
    """Complete an empty sidecar just as the skill does; a preview is not part of it yet."""
    prepared = _prepared(case)
    prepared = answer(case, prepared) if answer else prepared
    sidecar: Sidecar = {"model_type": case.model_type}
    merge.apply(sidecar, prepared.found)
    return sidecar, prepared.found.preview_url, prepared.from_model


@cache
def _prepared(case: Case) -> Prepared:
    """Return what the rules find; the same whoever is asked about the rest."""
    source = Source(
        card=parse_card(decoded(case.card)),
        facts=RepositoryFacts(tags=case.hub_tags, weight_files=weight_files(case.repository_files)),
        repo=case.repository,
        file_name=case.file.rsplit("/", 1)[-1],
        header=case.header,
        model_type=case.model_type,
    )
    return Prepared.of(extract(source), source, {"model_type": case.model_type})


def _one(case: Case, field: str, expected: str | None, actual: object) -> Outcome:
    right = (actual or None) == expected
    return Outcome(
        case=case.name, field=field, expected=expected, actual=actual, right=right, wrong=not right and bool(actual)
    )


def _words(case: Case, actual: Sequence[str]) -> Outcome:
    expected = case.expected.trained_words
    return Outcome(
        case=case.name,
        field="trained_words",
        expected=list(expected),
        actual=list(actual),
        right=tuple(actual) == expected,
        wrong=not set(actual) <= set(expected),
    )


def _tags(case: Case, actual: Sequence[str]) -> Outcome:
    unwanted = set(case.tags_exclude) & set(actual)
    return Outcome(
        case=case.name,
        field="tags",
        expected={"include": list(case.tags_include), "exclude": list(case.tags_exclude)},
        actual=list(actual),
        right=not unwanted and set(case.tags_include) <= set(actual),
        wrong=bool(unwanted),
    )
