"""The catalogue of sentences: every id that the code says exists, with the values it needs, and none is left over."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentroster.messages import say
from agentroster.messages.catalogue import texts
from tests.support.deployment import REPOSITORY

SOURCE = REPOSITORY / "src/agentroster"
ROOMS = sorted(file.stem for file in (SOURCE / "messages/en").glob("*.yaml"))


def said() -> Iterator[tuple[str, str, set[str]]]:
    """Yield where the code says a sentence, its id, and the names of the values."""
    for file in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "say":
                where = f"{file.relative_to(SOURCE)}:{call.lineno}"
                assert len(call.args) == 1 and isinstance(call.args[0], ast.Constant), f"{where}: the id is a literal"
                yield where, str(call.args[0].value), {str(keyword.arg) for keyword in call.keywords}


def fields(text: object) -> set[str]:
    """Return the names of the values in a text."""
    forms = {"": text} if isinstance(text, str) else dict(text)  # type: ignore[call-overload]
    names = {name for form in forms.values() for _, name, _, _ in string.Formatter().parse(str(form)) if name}
    return names if isinstance(text, str) else names | {"count"}


def test_every_sentence_the_code_says_stands_in_the_catalogue_with_the_values_it_needs() -> None:
    problems = []
    for where, said_id, values in said():
        room, _, name = said_id.partition(".")
        if room not in ROOMS or name not in texts(room):
            problems.append(f"{where}: there is no {said_id}")
        elif fields(texts(room)[name]) != values:
            problems.append(f"{where}: {said_id} needs {sorted(fields(texts(room)[name]))}, not {sorted(values)}")
    assert problems == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_sentence_of_the_catalogue_is_said_somewhere(room: str) -> None:
    used = {said_id for _, said_id, _ in said()}
    assert {f"{room}.{name}" for name in texts(room)} - used == set()


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_of_the_catalogue_has_each_name_once_in_order(room: str) -> None:
    lines = Path(SOURCE / "messages/en" / f"{room}.yaml").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[0] for line in lines if line[:1].islower()]
    assert names == sorted(set(names))


# Developers and operators read these, where they work: in the code, in a field's error, in a terminal.
IN_CODE = {"StartRefused", "SkillBroken", "FieldInvalid"}
NOT_SAID = (
    "cli/", "testing/", "archive/", "settings/", "errors.py", "accounts/provider.py", "accounts/registry.py",
    "agents/spec.py", "agents/toml_reading.py", "skills/prompt.py", "skills/registry.py", "skills/skeleton.py",
    "skills/sources.py",
)  # fmt: skip


def error_names() -> set[str]:
    tree = ast.parse((SOURCE / "errors.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - IN_CODE


def test_no_error_that_people_read_has_its_sentence_in_the_code() -> None:
    found, names = [], error_names()
    for file in sorted(SOURCE.rglob("*.py")):
        where = str(file.relative_to(SOURCE))
        if where.startswith(NOT_SAID):
            continue
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names):
                continue
            texts_in_code = [part for part in call.args if isinstance(part, ast.JoinedStr | ast.Constant)]
            found += [f"{where}:{call.lineno}" for part in texts_in_code if " " in ast.unparse(part)]
    assert found == []


def test_braces_in_a_value_mean_nothing() -> None:
    assert "{count} {0.__class__}" in say("accounts.unknown_kind", name="{count} {0.__class__}", known="x")
