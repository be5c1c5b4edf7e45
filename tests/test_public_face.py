"""What authors import: the public face resolves, is complete, is cheap, and is all that pages and examples use."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentroster
from agentroster.skills.skeleton import write_skeleton
from tests.support.deployment import REPOSITORY

IMPORT = re.compile(r"^\s*(?:from|import) (agentroster(?:\.[\w.]+)?)\b", re.MULTILINE)
FACE = {"agentroster", "agentroster.testing"}
SLOW = ("agno", "litellm", "pydantic", "sqlalchemy")


def run(code: str) -> str:
    """Return what a fresh interpreter prints, in which LiteLLM cannot be imported."""
    blocked = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'litellm':\n"
        "            raise ImportError('LiteLLM is blocked')\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", blocked + code], capture_output=True, encoding="utf-8", check=False, timeout=250
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def type_checked() -> set[str]:
    """Return the names that a type checker sees."""
    tree = ast.parse(Path(agentroster.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_each_name_of_the_face_resolves_and_the_list_is_sorted_and_complete() -> None:
    names = agentroster.__all__
    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert type_checked() | {"__version__"} == set(names)
    assert dir(agentroster) == names
    for name in names:
        value = getattr(agentroster, name)
        assert name.startswith("__") or getattr(value, "__module__", "").startswith("agentroster.")


def test_a_name_that_is_not_there_is_an_attribute_error_and_modules_are_found_as_before() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agent'"):
        _ = agentroster.Agent  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(agentroster, "nothing_of_the_kind")
    assert run("from agentroster import logs, errors\nprint(logs.__name__)") == "agentroster.logs\n"


def test_importing_the_package_loads_nothing_slow_and_each_name_loads_without_litellm() -> None:
    loaded = run(
        "import agentroster\n"
        f"print([name for name in {SLOW!r} if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith('agentroster.')])\n"
        "for name in agentroster.__all__:\n"
        "    getattr(agentroster, name)\n"
        "print([name for name in ('agno', 'litellm', 'sqlalchemy') if name in sys.modules])\n"
    )
    assert loaded == "[]\n[]\n[]\n"


def authors_files() -> list[Path]:
    pages = [*(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "README.md"]
    return [
        *pages,
        *(REPOSITORY / "docs" / "examples").rglob("*.py"),
        *(REPOSITORY / "tests" / "plugins").rglob("*.py"),
    ]


@pytest.mark.parametrize("path", authors_files(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_pages_examples_and_plugins_use_the_face_only(path: Path) -> None:
    found = set(IMPORT.findall(path.read_text(encoding="utf-8"))) - FACE
    # One agent raises whichever error a test names, also those that authors never raise.
    assert found <= ({"agentroster.errors"} if path.name == "agents.py" else set())


@pytest.mark.parametrize("page", ["accounts", "agents", "skills"])
def test_pages_for_authors_name_no_module_that_may_move(page: str) -> None:
    text = (REPOSITORY / "docs" / f"{page}.md").read_text(encoding="utf-8")
    # The groups of entry points are called so.
    groups = {"agentroster.agents", "agentroster.credentials", "agentroster.skills"}
    assert set(re.findall(r"\bagentroster\.[a-z_.]*[a-z_]", text)) <= groups | FACE


@pytest.mark.parametrize("kind", ["tools", "pipeline", "prompt"])
def test_a_new_skill_uses_the_face_only(tmp_path: Path, kind: str) -> None:
    folder = write_skeleton(tmp_path, "my-skill", kind)
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    assert {name for text in texts for name in IMPORT.findall(text)} <= FACE


def test_a_skill_that_declares_nothing_loads_neither_databases_nor_oauth_nor_litellm_nor_agno() -> None:
    unwanted = (
        "agno",
        "agentroster.accounts.oauth",
        "agentroster.db.database",
        "agentroster.library",
        "litellm",
        "sqlalchemy",
    )
    loaded = run(
        "from pathlib import Path\n"
        "import agentroster.builtin.skills\n"
        "from agentroster.skills.registry import load_skill\n"
        "from agentroster.skills.sources import folder_source\n"
        "folder = Path(agentroster.builtin.skills.__path__[0]) / 'colours'\n"
        "print(load_skill(folder_source(folder, 'test')).tools[0].name)\n"
        f"print([name for name in {unwanted!r} if name in sys.modules])\n"
    )
    assert loaded.splitlines()[1] == "[]"
