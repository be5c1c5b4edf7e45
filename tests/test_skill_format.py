"""Skill folders: what loads, what is refused and where it says the fault is, and the commands for their authors."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from agentroster.cli.skills import skills
from agentroster.errors import NotAllowed, NotFound, SkillBroken, StartRefused
from agentroster.library.library import Library
from agentroster.skills.access import only_types
from agentroster.skills.capability_options import LibraryOptions
from agentroster.skills.check import check_folder
from agentroster.skills.context import SkillContext
from agentroster.skills.guard import Guard
from agentroster.skills.pipeline import ItemReport
from agentroster.skills.registry import Skill, SkillRegistry, load_skill
from agentroster.skills.skeleton import write_skeleton
from agentroster.skills.sources import folder_source
from agentroster.testing import call
from tests.support.deployment import REPOSITORY
from tests.support.skill_folders import written

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


@pytest.mark.parametrize(("kind", "tools"), [("tools", "1 tool"), ("pipeline", "1 tool"), ("prompt", "0 tools")])
def test_a_new_skill_passes_the_check_and_its_own_test(tmp_path: Path, kind: str, tools: str) -> None:
    done = CliRunner().invoke(skills, ["new", "my-skill", "--kind", kind, "--dir", str(tmp_path)])
    folder = tmp_path / "my-skill"
    assert done.exit_code == 0
    assert f"roster skills check {folder}" in done.stdout
    assert CliRunner().invoke(skills, ["check", str(folder)]).stdout == f"{folder}: fine ({kind}, {tools})\n"
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


SCHEMAS = {
    "{$ref: 'http://127.0.0.1:<port>/x'}": "$ref: 'http://127.0.0.1:<port>/x' is no part of this schema",
    "{allOf: [{$ref: 'other.json'}]}": "$ref: 'other.json' is no part of this schema",
    "{$ref: 'file:///etc/passwd'}": "$ref: 'file:///etc/passwd' is no part of this schema",
    "{items: {$dynamicRef: 'http://127.0.0.1:<port>/x'}}": "$dynamicRef: ",
    "{$ref: '#/$defs/missing'}": "$ref: '#/$defs/missing' is no part of this schema",
    "{properties: {a: {$id: 'http://127.0.0.1:<port>/', $ref: 'x'}}}": "$id: only the outermost schema may have one",
    "{$schema: 'http://json-schema.org/draft-07/schema#'}": "$schema: only https://json-schema.org/draft/2020-12",
    "{pattern: '('}": "not a JSON Schema",
    "&a {allOf: [*a]}": "not a JSON Schema: nested without end",
    "{patternProperties: {x: {}}, not: {unevaluatedProperties: false}}": "cannot be used together",
}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("key", ["    parameters", "    output_schema", "output_schema"])
def test_a_schema_that_reaches_outside_or_cannot_be_checked_is_refused_and_nothing_is_fetched(
    tmp_path: Path, key: str, schema: str
) -> None:
    manifest = GREET.replace(GREET[GREET.index("    parameters") :], "")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        text = f"{manifest}{key}: {schema}\n".replace("<port>", port)
        folder = written(tmp_path, "greeter", {"skill.yaml": text, "handler.py": HANDLER})
        [problem] = check_folder(folder)[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert problem.startswith(f"{folder}/skill.yaml:8: ")
    assert f"{key.strip()}: " in problem
    assert SCHEMAS[schema].replace("<port>", port) in problem


@pytest.mark.parametrize(
    ("types", "found"),
    [(("lora",), ["headed", "ink"]), (("checkpoint", "embedding"), ["base", "word"]), (None, None)],
)
def test_a_skill_for_some_types_of_models_is_shown_no_others(
    tmp_path: Path, types: tuple[Any, ...] | None, found: list[str] | None
) -> None:
    header = json.dumps({"__metadata__": {"ss_network_module": "networks.lora"}}).encode()
    for name in ("loras/ink", "loras/base", "embeddings/word", "misc/headed", "misc/unknown"):
        path = tmp_path / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(len(header).to_bytes(8, "little") + header if "headed" in name else b"\x02" + bytes(7) + b"{}")
    (tmp_path / "loras/base.metadata.json").write_text('{"model_type": "checkpoint"}', encoding="utf-8")
    filtered = GREET + (f"model_type_filter: {list(types)}\n" if types else "")
    skill = loaded(written(tmp_path, "greeter", {"skill.yaml": filtered, "handler.py": HANDLER}))
    options = skill.manifest.options(LibraryOptions)
    assert options is not None and options.types == types
    library = only_types(Library([tmp_path]), options.types)
    names = [model.path.stem for model in library.models()]
    assert sorted(names) == (found or ["base", "headed", "ink", "unknown", "word"])
    for model in Library([tmp_path]).models():
        assert library.holds(model) is (model.path.stem in names)
        if model.path.stem not in names:
            with pytest.raises(NotFound, match="is not for this skill"):
                library.find(str(model.path))


def test_the_list_names_a_broken_skill_once_and_a_missing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "greeter", {"skill.yaml": "name: greeter\n"})
    monkeypatch.setenv("ROSTER_SKILLS_DIR", str(tmp_path))
    done = CliRunner().invoke(skills, [])
    assert done.stderr.count(f"{tmp_path}/greeter/skill.yaml:1: title: Field required") == 1
    monkeypatch.setenv("ROSTER_SKILLS_DIR", str(tmp_path / "missing"))
    assert f"{tmp_path}/missing: ROSTER_SKILLS_DIR names this" in CliRunner().invoke(skills, []).stderr


def run_counts(skill: Skill) -> Any:
    return asyncio.run(call(skill, texts=["one two", " "])).value


def test_what_an_item_was_refused_stands_in_its_report_although_the_skill_keeps_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = loaded(write_skeleton(tmp_path, "counts", "pipeline"))
    assert skill.pipeline is not None
    honest = skill.pipeline.handler.post_process

    async def silent(context: SkillContext, item: Any, prepared: Any) -> ItemReport:
        if item.label.strip():
            Guard("counts", "counts").note(NotAllowed("Reaching evil.example is not permitted."))
        return await honest(context, item, prepared)

    monkeypatch.setattr(skill.pipeline.handler, "post_process", silent)
    items = run_counts(skill)["items"]
    assert items[0]["notes"] == {"refused": "Reaching evil.example is not permitted."}
    assert "notes" not in items[1]


def test_an_item_whose_report_is_not_as_declared_fails_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_skeleton(tmp_path, "counts", "pipeline")
    handler = folder / "handler.py"
    broken = handler.read_text(encoding="utf-8").replace('"words": prepared', '"words": prepared or "annas-word"')
    handler.write_text(broken, encoding="utf-8")
    done = run_counts(loaded(folder))
    assert (done["total"], done["failed"]) == (2, 1)
    assert done["items"][0] == {"item": "one two", "found": {"words": 2}}
    assert "is not what the skill declares" in done["items"][1]["error"]
    assert "The report of an item of counts does not fit its output_schema: found.words breaks `type`" in caplog.text
    assert "annas-word" not in caplog.text + str(done)
