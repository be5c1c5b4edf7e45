"""`python -m tools.left_out NAME REPORT`: what a run of the tests skipped, and why, from pytest's `--junitxml`.

A run that left no report, or ran nothing, did not run to its end: that is status 1, whatever pytest's own status was.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

_MAX_REASON = 300


def main() -> None:
    """Print a line for each reason."""
    name, report = sys.argv[1:]
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it just now
    except (OSError, ElementTree.ParseError) as error:
        sys.exit(f"{name}: the run left no whole report: {error}")
    if not cases:
        sys.exit(f"{name}: no test was found")
    for reason, count in Counter(filter(None, map(_reason, cases))).items():
        sys.stdout.write(f"skipped: {name}: {count} of {len(cases)} tests: {reason}\n")


def _reason(case: ElementTree.Element) -> str:
    skipped = case.find("skipped")
    if skipped is None or skipped.get("type") != "pytest.skip":
        return ""
    reason = " ".join(skipped.get("message", "no reason given").split())
    where = Path((skipped.text or "").partition(":")[0]).name
    return f"{reason[:_MAX_REASON]} ({where})"


if __name__ == "__main__":
    main()
