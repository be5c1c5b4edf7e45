"""`.ci/run` says at its end what came of it: no group turns green that did not run to its end."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployment import REPOSITORY
from tests.support.endings import wait_for

TESTS = """
import os
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_skipped(number):
    pytest.skip("nothing is installed here:\\nno network")

@pytest.mark.xfail(strict=True)
def test_expected(): assert False

def test_passed(): pass

@pytest.mark.parametrize("words", ["of a busy", "machine", "a", "b"])
def test_unsteady(words): assert os.environ.get("ALONE")
"""
# Both stand in for what a fresh machine has; a recipe does what the file of its name says, or leaves a good report.
UV = """#!/bin/bash
[ "$1 $2" = "run just" ] && [[ "$4" = --junitxml=* ]] || exit 0
report=${4#--junitxml=}
[ ! -e "$STEPS/$3" ] || { . "$STEPS/$3"; exit; }
cp "$STEPS/passed.xml" "$report"
"""
PYTHON = f"""#!/bin/bash
[ "$2" = pip ] || exec {sys.executable} "$@"
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pytest itself writes about tests that pass, that are skipped, and that are not there."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "test_one.py").write_text(TESTS, encoding="utf-8")
    for name, chosen in (
        ("passed", "passed"),
        ("skipped", "skipped"),
        ("some", "not unsteady"),
        ("none", "nothing"),
        ("two", "passed or busy or machine"),
        ("many", "unsteady"),
        ("alone", "unsteady"),
    ):
        command = ["-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "-k", chosen]
        subprocess.run(
            [sys.executable, *command, f"--junitxml={folder / name}.xml", "test_one.py"],
            cwd=folder, capture_output=True, check=False,
            env={**os.environ, "ALONE": "yes"} if name == "alone" else None,
        )  # fmt: skip
    return folder


@pytest.fixture
def run(tmp_path: Path, reports: Path) -> Run:
    """Run it with stand-ins for uv and Python's installer."""
    for name in (".ci/run", "tools/__init__.py", "tools/left_out.py", "tools/unsteady.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    scripts = {"uv": UV, "python3": PYTHON, **dict.fromkeys(("nginx", "caddy", "chromium", "initdb"), "#!/bin/bash\n")}
    for name, text in scripts.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)

    def started(limit: str = "100s", **steps: str) -> subprocess.CompletedProcess[str]:
        for name, text in steps.items():
            (reports / name.replace("_", "-")).write_text(text, encoding="utf-8")
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "STEPS": str(reports), "ROSTER_CI_LIMIT": limit}
        try:
            return subprocess.run(
                [tmp_path / ".ci/run"], env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
            )
        finally:
            for name in steps:
                (reports / name.replace("_", "-")).unlink()

    return started


def test_where_all_ran_to_its_end_the_last_line_says_so(run: Run) -> None:
    done = run()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "complete: nothing was skipped"), done.stderr


def test_what_was_skipped_stands_in_the_last_lines_with_its_reason(run: Run) -> None:
    done = run(test='cp "$STEPS/some.xml" "$report"', test_openwebui='cp "$STEPS/skipped.xml" "$report"')
    reason = "nothing is installed here: no network (test_one.py)"
    assert done.stdout.splitlines()[-2:] == [
        f"skipped: tests: 2 of 4 tests: {reason}",
        f"skipped: tests with Open WebUI: 2 of 2 tests: {reason}",
    ]
    assert done.returncode == 0


UNFINISHED = "it did not run to its end"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("exit 3", "it ended with status 3"),
        ("exit 0", UNFINISHED),
        ('head -c 60 "$STEPS/passed.xml" > "$report"', UNFINISHED),
        ('cp "$STEPS/none.xml" "$report"', UNFINISHED),
    ],
)
def test_a_group_that_did_not_run_to_its_end_fails_whatever_its_status(run: Run, step: str, reason: str) -> None:
    done = run(test='cp "$STEPS/some.xml" "$report"', test_openwebui=step)
    assert done.stdout.splitlines()[-1] == f"failed: tests with Open WebUI: {reason}"
    assert done.returncode != 0


UNSTEADY = 'case "$report" in *.alone) cp "$STEPS/{alone}.xml" "$report"; exit {status};; esac; ' + (
    'cp "$STEPS/{beside}.xml" "$report"; exit 1'
)


def test_few_tests_that_pass_alone_fail_no_run_but_are_named_at_its_end(run: Run) -> None:
    done = run(test=UNSTEADY.format(beside="two", alone="alone", status=0))
    names = [f"test_one::test_unsteady[{words}]" for words in ("machine", "of a busy")]
    assert done.stdout.splitlines()[-2:] == [
        f"unsteady: tests: {name} failed beside the others and passed alone" for name in names
    ]
    assert done.returncode == 0
    assert "tests, the failed ones alone 0 min" in done.stdout


@pytest.mark.parametrize(
    ("beside", "alone", "status"),
    [("many", "alone", 0), ("two", "many", 1), ("two", "passed", 0), ("two", "skipped", 0), ("passed", "passed", 0)],
    ids=["too many of them", "alone, too", "they were not run", "they were skipped", "it failed otherwise"],
)
def test_tests_that_fail_otherwise_fail_the_run(run: Run, beside: str, alone: str, status: int) -> None:
    done = run(test=UNSTEADY.format(beside=beside, alone=alone, status=status))
    assert done.stdout.splitlines()[-1] == "failed: tests: it ended with status 1"
    assert done.returncode == 1


def test_the_time_limit_ends_a_group_with_all_its_processes_and_says_so(run: Run, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    done = run("3s", test_openwebui=f"sleep 1000 & echo $! > {begun}; wait")
    assert done.stdout.splitlines()[-1] == ("failed: tests with Open WebUI: everything together did not end within 3s")
    assert done.returncode == 1
    number = begun.read_text(encoding="utf-8").strip()
    wait_for(lambda: has_ended(number), "a process of the group lived on")


def has_ended(number: str) -> bool:
    """Whether a process runs no more, also where nobody collects its status (as in a container without an init)."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
