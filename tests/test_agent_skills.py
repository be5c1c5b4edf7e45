"""`SKILL.md` folders: `roster skills check` and the specification's reference validator give the same verdicts."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agentroster.skills.check import check_folder
from agentroster.skills.skeleton import write_skeleton
from tests.support.skill_folders import written

REFERENCE = "skills-ref==0.1.1"
VALIDATE = """
import json, pathlib, sys
from skills_ref.validator import validate
def verdict(folder):
    try:
        return not validate(pathlib.Path(folder))
    except UnicodeDecodeError:
        return False
print(json.dumps({folder: verdict(folder) for folder in sys.argv[1:]}))
"""


def front(*lines: str, name: str = "reports", description: str = "Writes reports.") -> str:
    return "\n".join(
        ["---", f"name: {name}", f"description: {description}", *lines, "---", "# How", "", "Briefly.", ""]
    )


# What is in a folder called `reports`, unless the row names another one.
CASES: dict[str, str | tuple[str, str]] = {
    "the least": front(),
    "no body": "---\nname: reports\ndescription: x\n---\n",
    "all keys": front(
        "license: MIT", "compatibility: Needs git", "metadata:", "  version: 1.10", "allowed-tools: Bash(git:*) Read"
    ),
    "tools as a list of lines": front("allowed-tools:", "  - Bash", "  - Read"),
    "tools in brackets": front("allowed-tools: [Bash, Read]"),
    "metadata in brackets": front("metadata: {version: '1'}"),
    "empty brackets": front("metadata: {}"),
    "an anchor": front("license: &l MIT", "compatibility: *l"),
    "a tag": front("license: !!str MIT"),
    "a number as version": front("metadata:", "  version: 2"),
    "another key": front("version: 1"),
    "a key of another tool": front("disable-model-invocation: true"),
    "a key twice": front("license: MIT", "license: MIT"),
    "a comment": front("# about the licence", "license: MIT"),
    "no front matter": "# How\n",
    "front matter without end": "---\nname: reports\ndescription: x\n",
    "an empty front matter": "---\n---\n# How\n",
    "front matter that is a list": "---\n- name\n- description\n---\n",
    "a blank line first": "\n" + front(),
    "a byte order mark": "\ufeff" + front(),
    "lines of Windows": front().replace("\n", "\r\n"),
    "no name": "---\ndescription: x\n---\n",
    "no description": "---\nname: reports\n---\n",
    "an empty name": front(name=""),
    "an empty description": front(description=""),
    "a quoted empty description": front(description='""'),
    "a blank description": front(description='"   "'),
    "a description of 1024": front(description="x" * 1024),
    "a description of 1025": front(description="x" * 1025),
    "a description with a colon": front(description="a: b"),
    "a quoted description with a colon": front(description='"a: b"'),
    "a folded description": front(description=">-\n  Writes\n  reports: good ones."),
    "a description that is a number": front(description="12"),
    "a description that is a truth": front(description="yes"),
    "a description that is a list": front(description="\n  - a"),
    "a tab": front("metadata:", "\tversion: 1"),
    "another name": front(name="other"),
    "upper case": ("Reports", front(name="Reports")),
    "an underscore": ("my_reports", front(name="my_reports")),
    "a folder with an underscore": ("my_reports", front(name="my-reports")),
    "two hyphens": ("re--ports", front(name="re--ports")),
    "a hyphen first": ("-reports", front(name="-reports")),
    "a hyphen last": ("reports-", front(name="reports-")),
    "a blank": ("re ports", front(name="re ports")),
    "digits": ("2026", front(name="2026")),
    "64 letters": ("x" * 64, front(name="x" * 64)),
    "65 letters": ("x" * 65, front(name="x" * 65)),
    "letters of another script": ("отчёты", front(name="отчёты")),
    "upper case of another script": ("Отчёты", front(name="Отчёты")),
    "a compatibility of 500": front(f"compatibility: {'x' * 500}"),
    "a compatibility of 501": front(f"compatibility: {'x' * 501}"),
    "a file that is no UTF-8": "---\nname: reports\ndescription: \udcff\n---\n",
}
# The specification says: a text of at least one character, a text, a mapping. Its validator does not ask.
STRICTER: dict[str, str] = {
    "an empty compatibility": front("compatibility:"),
    "a licence that is a list": front("license:", "  - MIT"),
    "metadata that is a text": front("metadata: version 1"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference validator, installed apart from everything else."""
    target = tmp_path_factory.mktemp("reference")
    command = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), REFERENCE]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"{REFERENCE} cannot be installed here: {done.stderr[-300:]}")
    return target


def verdicts(reference: Path, folders: list[Path]) -> dict[str, bool]:
    done = subprocess.run(
        [sys.executable, "-c", VALIDATE, *map(str, folders)],
        env={"PYTHONPATH": str(reference), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def folders_of(parent: Path, cases: Mapping[str, str | tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    for number, (case, made) in enumerate(cases.items()):
        name, text = made if isinstance(made, tuple) else ("reports", made)
        folder = written(parent / str(number), name, {})
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_bytes(text.encode("utf-8", "surrogateescape"))
        yield case, folder


def test_the_check_and_the_reference_validator_agree(tmp_path: Path, reference: Path) -> None:
    folders = dict(folders_of(tmp_path, CASES))
    theirs = verdicts(reference, list(folders.values()))
    ours = {case: not check_folder(folder)[1] for case, folder in folders.items()}
    assert ours == {case: theirs[str(folder)] for case, folder in folders.items()}
    assert 10 < sum(ours.values()) < len(ours) - 10


def test_where_the_reference_validator_asks_less_than_the_specification_we_follow_the_specification(
    tmp_path: Path, reference: Path
) -> None:
    folders = dict(folders_of(tmp_path, STRICTER))
    assert all(verdicts(reference, list(folders.values())).values())
    assert all(check_folder(folder)[1] for folder in folders.values())


def test_a_new_skill_of_kind_prompt_is_an_agent_skill(tmp_path: Path, reference: Path) -> None:
    folder = write_skeleton(tmp_path, "weekly-report", "prompt")
    assert check_folder(folder)[1] == []
    assert verdicts(reference, [folder]) == {str(folder): True}
