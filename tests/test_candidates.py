"""Where files without an address may come from: proposed to a person, never assumed."""

import csv
import json
from pathlib import Path

import pytest

from tests.support.roster_process import run_roster
from tests.support.stand_ins.hub import HubServer, Repository

INK = b"\x02\0\0\0\0\0\0\0{}" + b"ink"


@pytest.fixture
def environment(base_environment: dict[str, str]) -> dict[str, str]:
    return {"HF_ENDPOINT": base_environment["HF_ENDPOINT"], "HF_TOKEN": base_environment["HF_TOKEN"]}


def test_only_the_same_file_is_proposed_for_the_map_and_what_is_alike_is_told(
    tmp_path: Path, hub: HubServer, environment: dict[str, str]
) -> None:
    for name in ("ink_wash", "foggy", "twice", "known", "nowhere", "hidden"):
        (tmp_path / f"{name}.safetensors").write_bytes(INK + name.encode())
    (tmp_path / "known.metadata.json").write_text(json.dumps({"hf_url": "https://huggingface.co/a/known"}))
    hub.repositories |= {
        "anna/ink-wash-lora": Repository("", weights={"other name.safetensors": INK + b"ink_wash"}),
        "b/ink-wash": Repository("", weights={"sub/INK_wash.safetensors": INK + b"ink-wash"}),
        "b/foggy": Repository("", weights={"foggy.safetensors": b"other"}),
        "a/twice": Repository("", weights={"twice.safetensors": INK + b"twice"}),
        "b/twice": Repository("", weights={"twice.safetensors": INK + b"twice"}),
        "a/known": Repository("", weights={"known.safetensors": INK + b"known"}),
        "a/hidden": Repository("", weights={"hidden.safetensors": INK + b"hidden"}, status=403),
    }
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = run_roster("candidates", ".", "ink_wash.safetensors", environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(done.stdout.splitlines()))
    assert rows == [
        ["file", "address"],
        [str(tmp_path / "ink_wash.safetensors"), "https://huggingface.co/anna/ink-wash-lora"],
    ]
    assert (
        "ink_wash.safetensors: https://huggingface.co/b/ink-wash (a file of this name, but other bytes)" in done.stderr
    )
    assert "foggy.safetensors: https://huggingface.co/b/foggy (a file of this name, but other bytes)" in done.stderr
    assert done.stderr.count("(the same file, as in others: choose one)") == 2
    assert "nowhere.safetensors: nothing of this name was found" in done.stderr
    assert "known" not in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert not any("/a/known" in path for path in hub.paths)


def test_a_hub_that_is_away_is_said_for_each_file_and_proposes_nothing(tmp_path: Path) -> None:
    (tmp_path / "ink.safetensors").write_bytes(INK)
    offline = {"HF_ENDPOINT": "http://127.0.0.1:9", "ROSTER_HUB_WAIT_SECONDS": "0"}
    done = run_roster("candidates", "ink.safetensors", environment=offline, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "file,address\n")
    assert "ink.safetensors: " in done.stderr
