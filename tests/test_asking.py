"""`roster ask`, `models`, `status` and `demo`: the command line as a client of the running proxy."""

import json
from pathlib import Path

import pytest

from tests.support.identity import make_key
from tests.support.roster_process import RosterProcess, run_roster


def port_of(proxy: RosterProcess) -> dict[str, str]:
    return {**proxy.environment, "ROSTER_PORT": proxy.url.rsplit(":", 1)[1], "ROSTER_DATA_DIR": str(proxy.data_dir)}


def test_an_agent_is_asked_with_the_operators_key_of_the_folder(offline_proxy: RosterProcess) -> None:
    said = run_roster("ask", "demo-agent", "/palette", "teal", environment=port_of(offline_proxy))
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("A palette around `#2a9d8f`")
    assert said.stdout.endswith("\n")
    whole = run_roster("ask", "agno/demo-agent", "/palette teal", "--json", environment=port_of(offline_proxy))
    assert json.loads(whole.stdout)["choices"][0]["message"]["content"].strip() == said.stdout.strip()


def test_the_agents_and_the_state_of_the_proxy_are_told(offline_proxy: RosterProcess) -> None:
    environment = port_of(offline_proxy)
    assert "agno/demo-agent" in run_roster("models", environment=environment).stdout
    assert "agno/demo-agent" in [
        row["id"] for row in json.loads(run_roster("models", "--json", environment=environment).stdout)
    ]
    told = run_roster("status", environment=environment)
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, f"{offline_proxy.url}: ready")


def test_a_mistyped_agent_and_a_revoked_key_are_told_in_the_proxys_words(offline_proxy: RosterProcess) -> None:
    said = run_roster("ask", "demo-agnet", "/help", environment=port_of(offline_proxy))
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert "Did you mean agno/demo-agent?" in said.stderr
    wrong = {**port_of(offline_proxy), "ROSTER_KEY": "sk-roster_0123456789ab_nobody"}
    said = run_roster("ask", "demo-agent", "/help", environment=wrong)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)


def test_the_operators_key_goes_to_no_address_that_was_typed(offline_proxy: RosterProcess) -> None:
    environment = port_of(offline_proxy)
    said = run_roster("ask", "demo-agent", "/help", "--url", offline_proxy.url, environment=environment)
    assert said.returncode == 2
    assert "set ROSTER_KEY" in said.stderr
    key = make_key(offline_proxy, "asking")
    asked = ("ask", "demo-agent", "/help", "--url", f"{offline_proxy.url}/v1")
    said = run_roster(*asked, environment={"ROSTER_KEY": key})
    assert said.returncode == 0, said.stderr
    assert "/palette" in said.stdout


@pytest.mark.parametrize("words", [("ask", "demo-agent", "hello"), ("models",), ("status",)])
def test_without_a_proxy_the_command_says_so_and_makes_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    environment = {"ROSTER_PORT": "9", "ROSTER_KEY": "sk-0123456789abcdef"}
    said = run_roster(*words, environment=environment, cwd=tmp_path)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)
    assert "start `roster serve`" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_demo_makes_two_models_and_leaves_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "clay-toys.safetensors").write_text("mine", encoding="utf-8")
    made = run_roster("demo", str(folder), environment={}, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert f"left as it was: {folder}/clay-toys.safetensors" in made.stdout
    assert (folder / "clay-toys.safetensors").read_text(encoding="utf-8") == "mine"
    assert (folder / "ink-wash.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    nowhere = run_roster("demo", environment={}, cwd=tmp_path)
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    there = run_roster("demo", environment={"ROSTER_LIBRARY": str(tmp_path / "new")}, cwd=tmp_path)
    assert there.returncode == 0, there.stderr
    assert len(list((tmp_path / "new").glob("*.safetensors"))) == 2
