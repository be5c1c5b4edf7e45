"""Agents and backends from a file: what it may say, and how its mistakes are named."""

import json
from pathlib import Path

import pytest

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.toml_file import read_agents
from agentroster.agents.toml_lines import lines_of
from agentroster.errors import StartRefused
from agentroster.settings.settings import load_settings
from agentroster.skills.registry import SkillRegistry
from tests.support.deployment import REPOSITORY
from tests.support.reader import Reader, blocks
from tests.support.roster_process import run_roster

PAGE = REPOSITORY / "docs" / "agents-file.md"
BROKEN = '''# first line
[agents.poet]
instructions = """
[agents.not-a-table]
instuctions = 1
"""
backend = "smal"
skills = ["colors"]

[agents.helper]
instuctions = "x"
limits = {secnds = 3}
vision = "yes"
suggestions = "one"
skills = ["colours", "colours"]

[agents.good]
limits.seconds = 30

[agents."Bad Name"]
[agents.loop]
model = "agno/good"

[agnets.x]
title = "?"

[backends.small]
base_url = "localhost:3"
model = "m"
api_key = "sk-canary-in-the-file-93hf"

[backends.locked]
base_url = "http://u:p@h/v1"
api_key_env = "NOT_SET"

[backends.thief]
base_url = "http://127.0.0.1:1/v1"
model = "m"
api_key_env = "ROSTER_ENCRYPTION_KEY"

[backends.default]
base_url = "http://127.0.0.1:1/v1"
model = "m"

[agents.keyless]
backend = "waiting"
[backends.waiting]
base_url = "http://127.0.0.1:1/v1"
model = "m"
api_key_env = "WAITING_KEY"
'''
EXPECTED = {
    7: ["poet", 'there is no backend "smal"'],
    8: ["poet", '"colors": did you mean "colours"?'],
    11: ["helper", '"instuctions": did you mean "instructions"?'],
    12: ["helper", '"limits.secnds": did you mean "seconds"?'],
    13: ["helper", "vision must be true or false"],
    14: ["helper", "suggestions must be a list"],
    15: ["helper", 'skills names "colours" twice'],
    20: ["Bad Name", "lower-case"],
    22: ["loop", "an agent cannot be the language model of an agent"],
    24: ['"agnets" is not known here: did you mean "agents"?'],
    28: ["small", "base_url must be an address"],
    30: ["small", 'there is no field "api_key": did you mean "api_key_env"?'],
    32: ["locked", "model is missing"],
    33: ["locked", "without a user name"],
    39: ["thief", "names a secret of the proxy itself"],
    41: ["default", "choose another name"],
    46: ["keyless", "WAITING_KEY is not set"],
    50: ["waiting", "WAITING_KEY is not set"],
}


def test_each_problem_is_named_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(BROKEN, encoding="utf-8")
    done = run_roster("agents", "check", "mine.toml", environment={}, cwd=tmp_path)
    assert done.returncode == 1
    said: dict[int, str] = {}
    for line in done.stderr.splitlines():
        place, number, rest = line.split(":", 2)
        assert place == "mine.toml", line
        said[int(number)] = said.get(int(number), "") + rest
    assert said.keys() == EXPECTED.keys()
    for number, parts in EXPECTED.items():
        assert all(part in said[number] for part in parts), (number, said[number])
    assert "canary" not in done.stderr
    listing = json.loads(run_roster("agents", "check", "mine.toml", "--json", environment={}, cwd=tmp_path).stdout)
    assert listing["agents"] == ["good"]
    assert {problem["line"] for problem in listing["problems"]} == set(EXPECTED)
    assert {"line": 11, "agent": "helper"}.items() <= listing["problems"][2].items()


def test_the_command_lists_agents_of_the_file_beside_the_others_and_names_broken_ones(tmp_path: Path) -> None:
    (tmp_path / "agents.toml").write_text(
        BROKEN + '[agents.quick]\nbackend = "fast"\n[agents.off]\nenabled = false\n'
        '[backends.fast]\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "tiny"\n',
        encoding="utf-8",
    )
    listing = json.loads(run_roster("agents", "--json", environment={}, cwd=tmp_path).stdout)
    rows = {row["model"]: row for row in listing["items"]}
    assert rows["agno/demo-agent"]["from"] == "agentroster"
    assert (rows["agno/quick"]["from"], rows["agno/quick"]["uses"]) == ("agents.toml", "tiny at fast")
    assert (rows["agno/good"]["uses"], rows["agno/good"]["state"]) == ("offline", "ready")
    assert rows["agno/off"]["state"] == "disabled"
    assert "agents.toml:11" in listing["broken"]["helper"]
    assert "agents.toml:24" in listing["broken"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (b"[agents.x]\ntitle = \n", ":2:", "not valid TOML"),
        (b'[agents.x]\ntitle = "a"\n[agents.x]\n', ":3:", "not valid TOML"),
        (b'[agents.x]\ninstructions = """\nfor ever\n', ":3:", "not valid TOML"),
        (b'[agents.x]\ntitle = "\xff"\n', ":2:", "UTF-8"),
        (b"#" * 5_000_001, "", "larger than"),
        (b"[agents.x]\nvision = " + b"9" * 5000 + b"\n", ":", "not valid TOML"),
        (b"x = " + b"[" * 100_000, "", "nested too deeply"),
        (None, "", "is not there"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(text: bytes | None, place: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(StartRefused) as refused:
        AgentRegistry.load(load_settings(agents_file=path), SkillRegistry({}, {}))
    assert str(refused.value).startswith(f"{path}{place}")
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_name_in_two_places_is_refused_and_both_are_named(tmp_path: Path) -> None:
    (tmp_path / "agents.toml").write_text('[agents.demo-agent]\ntitle = "Mine"\n', encoding="utf-8")
    done = run_roster("agents", "check", environment={}, cwd=tmp_path)
    assert done.returncode == 1
    assert "agentroster" in done.stderr
    assert "agents.toml:1" in done.stderr


def test_a_key_may_come_from_a_file_and_shows_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("from-a-file-8f3k\n", encoding="utf-8")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    text = '[backends.b]\nbase_url = "http://h/v1/"\nmodel = "m"\napi_key_env = "SOME_KEY"\n'
    backend = read_agents(text, "f").backends["b"]
    assert (backend.base_url, backend.api_key) == ("http://h/v1", "from-a-file-8f3k")
    assert "8f3k" not in repr(backend)


def test_where_tables_and_fields_stand_is_found_in_every_way_to_write_them() -> None:
    text = (
        "top = 1\n\n# [no.table]\n[agents]\nx.title = 'a'\n[ agents . \"y z\" ]\nskills = [\n  'a', # ]\n  'b',\n]\n"
        "instructions = '''\n[agents.q]\n'''\n'quoted' = {inner = 1}\r\n[[many]]\na = 1\n"
    )
    found = lines_of(text)
    assert found["top",] == 1
    assert found["agents", "x", "title"] == 5
    assert found["agents", "y z"] == 6
    assert found["agents", "y z", "skills"] == 7
    assert found["agents", "y z", "instructions"] == 11
    assert found["agents", "y z", "quoted", "inner"] == 14
    assert found["many", "a"] == 16
    assert ("agents", "q") not in found


def test_what_is_nested_without_end_is_a_problem_like_any_other() -> None:
    text = "[agents.x]\n" + ".".join(["deep"] * 5000) + " = 1\n"
    assert [str(problem) for problem in read_agents(text, "f").problems] == ['f:2: agent x: there is no field "deep"']


def test_the_example_and_every_one_of_the_page_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "any")
    texts = [(REPOSITORY / "agents.toml.example").read_text(encoding="utf-8")]
    texts += [block.text for block in blocks(PAGE) if block.language == "toml"]
    assert len(texts) == 3
    for text in texts:
        found = read_agents(text, "agents.toml")
        assert not found.problems
        assert found.agents


def test_the_page_can_be_followed(home: Path) -> None:
    with Reader(home) as reader:
        reader.follow(PAGE)
