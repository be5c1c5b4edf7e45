"""`python -m evals`: how much of the corpora is read right without a model, with a truthful and with a lying one."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from evals.ablate import ablations
from evals.asked import asked, truthful
from evals.cases import CORPORA, Case, load_cases
from evals.lies import lies
from evals.measure import Outcome, Score, measure, scores


def main() -> None:
    """Measure and print; a low score is a result, not a failure."""
    arguments = _arguments()
    if arguments.ablate:
        print("\n".join(_ablations(arguments.cards or list(CORPORA))))
        return
    cases = [case for corpus in arguments.cards or CORPORA for case in load_cases(corpus)]
    parts = {part for part in ("rules", "truthful", "liar") if getattr(arguments, part)}
    if arguments.json:
        print(_as_json(measure(cases)))
        return
    if not parts or "rules" in parts:
        print("\n".join(["Without a language model", *_table(measure(cases), failures=arguments.failures)]))
    if not parts or "truthful" in parts:
        outcomes = measure(cases, asked(truthful))
        print("\n".join(["", "With a scripted model that tells the truth", *_table(outcomes, failures=False)]))
    if not parts or "liar" in parts:
        print("\n".join(["", "With a scripted model that lies", *_lies(cases, failures=arguments.failures)]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals", description="What the extraction reads from cards.")
    parser.add_argument(
        "--cards", choices=CORPORA, action="append", help="only this set of cards (default: all of them)"
    )
    parser.add_argument("--rules", action="store_true", help="only without a language model")
    parser.add_argument("--truthful", action="store_true", help="only with a model that tells the truth")
    parser.add_argument("--liar", action="store_true", help="only with a model that lies")
    parser.add_argument("--ablate", action="store_true", help="only what each rule earns: without it, what is read")
    parser.add_argument("--failures", action="store_true", help="list each failing case")
    parser.add_argument("--json", action="store_true", help="print JSON for programs (without a language model)")
    return parser.parse_args()


def _as_json(outcomes: Sequence[Outcome]) -> str:
    value = {
        "scores": {
            field: asdict(score) | {"accuracy": round(score.accuracy, 4)} for field, score in scores(outcomes).items()
        },
        "failures": [asdict(outcome) for outcome in outcomes if not outcome.right],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _table(outcomes: Sequence[Outcome], *, failures: bool) -> Iterator[str]:
    yield f"{'field':<14}{'cases':>6}{'right':>7}{'accuracy':>10}{'wrong':>7}{'missing':>9}"
    for field, score in scores(outcomes).items():
        yield _row(field, score)
    yield from (text for one in outcomes if failures and not one.right for text in _failure(one))


def _row(field: str, score: Score) -> str:
    missing = score.cases - score.right - score.wrong
    return f"{field:<14}{score.cases:>6}{score.right:>7}{score.accuracy:>10.1%}{score.wrong:>7}{missing:>9}"


def _failure(outcome: Outcome) -> Iterator[str]:
    yield f"{'WRONG  ' if outcome.wrong else 'missing'} {outcome.case} {outcome.field}"
    yield f"    expected {outcome.expected}\n    actual   {outcome.actual}"


def _lies(cases: Sequence[Case], *, failures: bool) -> Iterator[str]:
    """Yield for each way of lying what is right nevertheless, and how many wrong values were written."""
    yield f"{'it answers with':<52}{'base right':>11}{'words right':>13}{'wrong written':>15}"
    total = 0
    for name, lie in lies().items():
        outcomes = measure(cases, asked(lie))
        right = scores(outcomes)
        wrong = [one for one in outcomes if one.wrong]
        total += len(wrong)
        yield f"{name:<52}{right['base_model'].accuracy:>11.1%}{right['trained_words'].accuracy:>13.1%}{len(wrong):>15}"
        yield from (text for one in wrong if failures for text in _failure(one))
    yield f"{'all lies, ' + str(len(cases)) + ' cards each':<52}{'':>24}{total:>15}"


def _ablations(corpora: Sequence[str]) -> Iterator[str]:
    """Yield for each rule how many fields more are right/wrong/missing without it, on each set; a dot for no change."""
    heads = [f"{corpus:>11}" for corpus in (*corpora, "all")]
    shown = ""
    for title, rule, differences in ablations({corpus: load_cases(corpus) for corpus in corpora}):
        if title != shown:
            yield "\n".join(["", "".join([f"{'without, of ' + title:<44}", *heads])])
            shown = title
        total = tuple(map(sum, zip(*differences.values(), strict=True)))
        cells = ["/".join(f"{count:+d}" if count else "0" for count in one) for one in (*differences.values(), total)]
        yield "".join([f"{rule:<44}", *(f"{'.' if cell == '0/0/0' else cell:>11}" for cell in cells)])


if __name__ == "__main__":
    main()
