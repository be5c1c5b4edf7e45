"""`python -m tools.unsteady REPORT [ALONE]`: the tests that failed in a run, from pytest's `--junitxml`, a line each.

Status 1 where none failed or more than three, or where one of them did not pass in the report of a second run, ALONE.
"""

import sys
from xml.etree import ElementTree

_MAX_UNSTEADY = 3


def main() -> None:
    """Print the names."""
    report, *alone = sys.argv[1:]
    try:
        failed = _names(report, {"failure", "error"})
        passed = {name for path in alone for name in _names(path, set())}
    except (OSError, ElementTree.ParseError) as error:
        sys.exit(f"the run left no whole report: {error}")
    if not 0 < len(failed) <= _MAX_UNSTEADY or (alone and not failed <= passed):
        sys.exit(1)
    sys.stdout.writelines(f"{name}\n" for name in sorted(failed))


def _names(report: str, ends: set[str]) -> set[str]:
    """Return the tests that ended in one of these ways; with none, those that passed."""
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it just now
    return {
        " ".join(f"{case.get('classname')}::{case.get('name')}".split())
        for case in cases
        if (found := {child.tag for child in case} & {"failure", "error", "skipped"}) & ends or not (found or ends)
    }


if __name__ == "__main__":
    main()
