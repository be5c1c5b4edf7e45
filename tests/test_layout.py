"""Where things of the tests stand: helpers in `tests/support`, and no module of tests imports from another."""

import ast
from pathlib import Path

import pytest

from tests.support.deployment import REPOSITORY

TESTS = REPOSITORY / "tests"
# Run in other environments, or installed as packages of others.
ELSEWHERE = ("plugins", "clients/scripts")
MODULES = [
    path for path in sorted(TESTS.rglob("*.py")) if not any(path.is_relative_to(TESTS / name) for name in ELSEWHERE)
]


def is_of_tests(path: Path) -> bool:
    return path.name == "conftest.py" or path.name.startswith("test_")


def imported(path: Path) -> set[Path]:
    """Return the modules of tests that a file imports, or imports from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = {REPOSITORY / f"{name.replace('.', '/')}.py" for name in names if name.startswith("tests.")}
    return {file for file in files if file.exists()}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_what_is_shared_is_imported_from_support_alone(path: Path) -> None:
    # What a folder's fixtures hand over is of that folder.
    own = path.with_name("conftest.py")
    assert [str(file) for file in imported(path) if is_of_tests(file) and (file != own or path.parent == TESTS)] == []


def test_beside_the_tests_stand_folders_only() -> None:
    assert [path.name for path in TESTS.glob("*.py") if not is_of_tests(path) and path.name != "__init__.py"] == []
