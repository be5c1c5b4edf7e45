"""Skill folders: what loads, what is refused and where it says the fault is, and the commands for their authors."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from agentroster.cli.skills import skills
from agentroster.errors import SkillBroken, StartRefused
from agentroster.skills.check import check_folder
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill, SkillRegistry, load_skill
from agentroster.skills.sources import folder_source
from tests.conftest import REPOSITORY

GREET = """\
name: greeter
title: Greeter
description: Greets.
kind: tools
tools:
  - name: greet
    description: Greet.
    parameters:
      type: object
      required: [who]
      properties: {who: {type: string}}
"""
HANDLER = "async def greet(context, /, who):\n    return who\n"
STANDARD = "---\nname: reports\ndescription: Writes reports.\n---\n# How\n\nBe brief.\n"


def written(parent: Path, name: str, files: Mapping[str, str]) -> Path:
    for file, text in files.items():
        path = parent / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return parent / name


def loaded(folder: Path) -> Skill:
    return load_skill(folder_source(folder, "test"))


def called(skill: Skill, **arguments: Any) -> object:
    async def call() -> object:
        return await skill.tools[0].function(cast("SkillContext", None), **arguments)

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("name: greeter\n  title: x\n", "skill.yaml:2: not valid YAML"),
        ("name: [greeter\ntitle: x\n", "skill.yaml:2: not valid YAML"),
        ("", "skill.yaml:1: the file:"),
        (GREET.replace("kind: tools", "kind: tool"), "skill.yaml:4: kind:"),
        (GREET.replace("title: Greeter\n", ""), "skill.yaml:1: title: Field required"),
        (GREET + "permisions: {}\n", "skill.yaml:12: permisions: Extra inputs"),
        (GREET.replace("type: object", "type: objekt"), "skill.yaml:8: tools.0.parameters: not a JSON Schema"),
        (GREET.replace("- name: greet", "- name: Greet"), "skill.yaml:6: tools.0.name:"),
        (GREET + "limits:\n  seconds: 0\n", "skill.yaml:13: limits.seconds:"),
        (GREET + "title: Again\n", "skill.yaml:12: title: this key stands here twice"),
        (GREET + "  - {name: greet, description: x}\n", "skill.yaml:1: the file: two tools are called greet"),
        (GREET.replace("name: greeter", "name: other"), "skill.yaml:1: name: the skill is named other"),
        (GREET.replace("kind: tools", "kind: prompt"), "skill.yaml:1: the file: a skill of kind prompt has only"),
    ],
)
def test_a_broken_manifest_is_named_with_file_line_key_and_reason(tmp_path: Path, manifest: str, problem: str) -> None:
    folder = written(tmp_path, "greeter", {"skill.yaml": manifest, "handler.py": HANDLER})
    with pytest.raises(SkillBroken) as caught:
        loaded(folder)
    assert caught.value.problems[0].startswith(f"{folder}/{problem}")


def test_all_that_is_wrong_with_a_manifest_is_said_at_once(tmp_path: Path) -> None:
    folder = written(tmp_path, "greeter", {"skill.yaml": GREET.replace("title: Greeter", "titel: x")})
    done = CliRunner().invoke(skills, ["check", str(folder)])
    assert done.exit_code == 2
    assert f"{folder}/skill.yaml:1: title: Field required\n" in done.stderr
    assert f"{folder}/skill.yaml:2: titel: Extra inputs are not permitted\n" in done.stderr


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        ("x = 1\ndef greet(:\n", "handler.py:2: SyntaxError"),
        ("x = 1\n\nimport not_there_at_all\n", "handler.py:3: ModuleNotFoundError"),
        ("x = 1\nraise SystemExit(0)\n", "handler.py:2: SystemExit"),
        ("x = 1\n", "handler.py: has no function greet"),
        ("\ndef greet(context, who): ...\n", "handler.py:2: greet: must be written `async def`"),
        ("async def greet(context): ...\n", "handler.py:1: greet: does not take who"),
        ("async def greet(context, who, loud): ...\n", "handler.py:1: greet: needs loud"),
        ("async def greet(): ...\n", "handler.py:1: greet: its first parameter must be the context"),
        ("async def execute(context): ...\n", "handler.py:1: execute: must take 3 arguments"),
    ],
)
def test_the_check_names_the_line_of_the_handler(tmp_path: Path, handler: str, problem: str) -> None:
    folder = written(tmp_path, "greeter", {"skill.yaml": GREET, "handler.py": handler})
    assert any(found.startswith(f"{folder}/{problem}") for found in check_folder(folder)[1])


def test_an_argument_that_may_be_left_out_needs_a_default(tmp_path: Path) -> None:
    manifest = GREET.replace("      required: [who]\n", "")
    folder = written(tmp_path, "greeter", {"skill.yaml": manifest, "handler.py": HANDLER})
    assert "give it a default" in check_folder(folder)[1][0]


def test_a_variable_that_nothing_fills_is_named_with_its_line(tmp_path: Path) -> None:
    files = {"skill.yaml": GREET, "handler.py": HANDLER, "prompt.md": "Hello\n\n{{who}}\n"}
    assert (
        f"{tmp_path}/greeter/prompt.md:3: the variable who is unknown"
        in check_folder(written(tmp_path, "greeter", files))[1][0]
    )


def test_a_good_folder_is_fine(tmp_path: Path) -> None:
    folder = written(tmp_path, "greeter", {"skill.yaml": GREET, "handler.py": HANDLER})
    done = CliRunner().invoke(skills, ["check", str(folder)])
    assert (done.exit_code, done.stdout) == (0, f"{folder}: fine (tools, 1 tool)\n")
    assert CliRunner().invoke(skills, ["check", str(tmp_path)]).exit_code == 2


def test_one_function_can_execute_all_tools(tmp_path: Path) -> None:
    handler = "async def execute(context, tool_name, arguments):\n    return [tool_name, arguments]\n"
    folder = written(tmp_path, "greeter", {"skill.yaml": GREET, "handler.py": handler})
    assert called(loaded(folder), who="Ada") == ["greet", {"who": "Ada"}]
    assert check_folder(folder)[1] == []
    written(tmp_path, "greeter", {"handler.py": handler + HANDLER})
    os.utime(folder / "handler.py", (1, 1))
    assert called(loaded(folder), who="Ada") == "Ada"


def test_modules_of_a_folder_import_each_other_and_those_of_two_skills_do_not_clash(tmp_path: Path) -> None:
    handler = "from .words import WORD\n\nasync def greet(context, /, who):\n    return WORD\n"
    for name in ("greeter", "other"):
        manifest = GREET.replace("name: greeter", f"name: {name}")
        written(tmp_path, name, {"skill.yaml": manifest, "handler.py": handler, "words.py": f"WORD = {name!r}\n"})
    registry = SkillRegistry.load(tmp_path)
    assert registry.broken == {}
    assert [called(registry.get(name), who="x") for name in ("greeter", "other")] == ["greeter", "other"]


def test_two_skills_of_one_name_are_an_error_that_names_both_places(tmp_path: Path) -> None:
    written(tmp_path, "colours", {"skill.yaml": GREET})
    with pytest.raises(StartRefused, match=f"one of bundled and one of {tmp_path}"):
        SkillRegistry.load(tmp_path)
    (tmp_path / "colours").rename(tmp_path / "my_own")
    written(tmp_path, "my-own", {"skill.yaml": GREET})
    with pytest.raises(StartRefused, match="'my-own'"):
        SkillRegistry.load(tmp_path)


def test_a_standard_folder_loads_as_instructions_and_its_scripts_are_not_executed(tmp_path: Path) -> None:
    bomb = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    files = {"SKILL.md": STANDARD, "handler.py": bomb, "__init__.py": bomb, "scripts/make.py": bomb}
    folder = written(tmp_path / "skills", "reports", files)
    skill = SkillRegistry.load(tmp_path / "skills").get("reports")
    assert (skill.manifest.kind, skill.manifest.title, skill.tools) == ("prompt", "Reports", ())
    assert skill.instructions == "# How\n\nBe brief."
    assert CliRunner().invoke(skills, ["check", str(folder)]).stdout == f"{folder}: fine (prompt, 0 tools)\n"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "extra",
    ["allowed-tools: Bash(git:*) Read", "allowed-tools: [Bash, Read]", "license: MIT\nmetadata: {version: '1'}"],
)
def test_optional_keys_of_the_standard_are_accepted(tmp_path: Path, extra: str) -> None:
    text = STANDARD.replace("---\n#", f"{extra}\n---\n#")
    assert loaded(written(tmp_path, "reports", {"SKILL.md": text})).tools == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# No front matter\n", "SKILL.md:1: does not begin with"),
        ("---\nname: reports\n", "SKILL.md:1: does not begin with"),
        (STANDARD.replace("description: Writes reports.\n", ""), "SKILL.md:2: description: Field required"),
        (STANDARD.replace("Writes reports.", '""'), "SKILL.md:3: description:"),
        (STANDARD.replace("Writes reports.", "x" * 1025), "SKILL.md:3: description:"),
        (STANDARD.replace("Writes reports.", "a: b: c"), "SKILL.md:3: not valid YAML"),
        (STANDARD.replace("name: reports", "name: Reports"), "SKILL.md:2: name:"),
        (STANDARD.replace("name: reports", "name: re--ports"), "SKILL.md:2: name:"),
        (STANDARD.replace("name: reports", f"name: {'x' * 65}"), "SKILL.md:2: name:"),
        (STANDARD.replace("name: reports", "name: other"), "SKILL.md:2: name: the skill is named other"),
    ],
)
def test_the_rules_of_the_standard_are_enforced(tmp_path: Path, text: str, problem: str) -> None:
    folder = written(tmp_path, "reports", {"SKILL.md": text})
    assert check_folder(folder)[1][0].startswith(f"{folder}/{problem}")


def test_where_both_files_are_skill_yaml_wins(tmp_path: Path) -> None:
    files = {"skill.yaml": GREET, "handler.py": HANDLER, "SKILL.md": STANDARD}
    assert loaded(written(tmp_path, "greeter", files)).manifest.kind == "tools"


@pytest.mark.parametrize("kind", ["tools", "pipeline"])
def test_a_new_skill_passes_the_check_and_its_own_test(tmp_path: Path, kind: str) -> None:
    done = CliRunner().invoke(skills, ["new", "my-skill", "--kind", kind, "--dir", str(tmp_path)])
    folder = tmp_path / "my-skill"
    assert done.exit_code == 0
    assert f"roster skills check {folder}" in done.stdout
    assert CliRunner().invoke(skills, ["check", str(folder)]).stdout == f"{folder}: fine ({kind}, 1 tool)\n"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    again = CliRunner().invoke(skills, ["new", "my-skill", "--dir", str(tmp_path)])
    assert "exists" in str(again.exception)
    assert before == {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["My", "a_b", "../x", "-x", "x" * 65, "help"])
def test_a_new_skill_needs_a_good_name(tmp_path: Path, name: str) -> None:
    assert CliRunner().invoke(skills, ["new", "--dir", str(tmp_path), "--", name]).exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_subcommand_the_skills_are_listed() -> None:
    assert "colours" in CliRunner().invoke(skills, []).stdout
    assert '"broken": {}' in CliRunner().invoke(skills, ["--json"]).stdout
