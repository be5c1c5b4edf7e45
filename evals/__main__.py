"""`python -m evals [--cards DIR] [--failures] [--json]`: how much of the corpus is read right without a model."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from evals.cases import CARDS, load_cases
from evals.measure import Outcome, Score, measure, scores


def main() -> None:
    """Measure and print; a low score is a result, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m evals", description="What the extraction reads from cards.")
    parser.add_argument("--cards", type=Path, default=CARDS, metavar="DIR", help="another folder of the same form")
    parser.add_argument("--failures", action="store_true", help="list each failing case")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    arguments = parser.parse_args()
    outcomes = measure(load_cases(arguments.cards))
    print(_as_json(outcomes) if arguments.json else "\n".join(_as_text(outcomes, failures=arguments.failures)))


def _as_json(outcomes: Sequence[Outcome]) -> str:
    value = {
        "scores": {
            field: asdict(score) | {"accuracy": round(score.accuracy, 4)} for field, score in scores(outcomes).items()
        },
        "failures": [asdict(outcome) for outcome in outcomes if not outcome.right],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _as_text(outcomes: Sequence[Outcome], *, failures: bool) -> Iterator[str]:
    yield f"{'field':<14}{'cases':>6}{'right':>7}{'accuracy':>10}{'wrong':>7}{'missing':>9}"
    for field, score in scores(outcomes).items():
        yield _row(field, score)
    for outcome in outcomes:
        if failures and not outcome.right:
            kind = "WRONG  " if outcome.wrong else "missing"
            yield f"{kind} {outcome.case} {outcome.field}"
            yield f"    expected {outcome.expected}\n    actual   {outcome.actual}"


def _row(field: str, score: Score) -> str:
    missing = score.cases - score.right - score.wrong
    return f"{field:<14}{score.cases:>6}{score.right:>7}{score.accuracy:>10.1%}{score.wrong:>7}{missing:>9}"


if __name__ == "__main__":
    main()
