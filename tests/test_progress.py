"""What the command line shows of a long run, and the addresses it is given for many files."""

import json
from pathlib import Path

import pytest

from agentroster.cli.address_map import read_map
from agentroster.cli.progress import progress_line, width
from agentroster.errors import InputInvalid
from agentroster.spelling import closest
from tests.support.roster_process import run_roster
from tests.support.stand_ins.hub import HubServer, Repository

NAMES = ("ink.safetensors", "水墨画风格" * 30, "a/" * 100 + "e\u0301" * 80, "x" * 300, "tab\tname")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_the_line_is_never_as_wide_as_the_terminal(columns: int, name: str) -> None:
    for done in (0, 1, 131, 200):
        assert width(progress_line(done, 200, 61.0, name, columns)) < columns


def test_the_line_tells_the_rate_and_the_time_that_is_left_and_the_end_of_the_name() -> None:
    line = progress_line(50, 200, 100.0, "a/very/long/folder/" * 9 + "ink-wash.safetensors", 80)
    assert "] 50/200  0.5/s, 5 min 0 s left  " in line
    assert line.endswith("ink-wash.safetensors")
    assert "left" not in progress_line(200, 200, 10.0, "ink", 80)
    assert progress_line(0, 200, 0.0, "", 80).endswith("0/200")


def write_map(folder: Path, text: str) -> Path:
    path = folder / "addresses.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_map_says_what_is_wrong_in_each_line_and_then_nothing_counts(tmp_path: Path) -> None:
    for name in ("ink.safetensors", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    address = "https://huggingface.co/someone/ink-wash"
    text = (
        f"file,address\nink.safetensors,{address}\nink.safetensors,{address}\nnowhere.pt,{address}\n"
        f"notes.txt,{address}\nink.safetensors\nink.safetensors,ink-wash\n,{address}\n"
    )
    with pytest.raises(InputInvalid) as error:
        read_map(write_map(tmp_path, text), [tmp_path])
    assert [line.partition(":")[0] for line in error.value.errors] == [f"line {number}" for number in range(3, 9)]
    for text in ("", "name,url\nink.safetensors,x\n", "file,address\n", 'file,address\n"ink'):
        with pytest.raises(InputInvalid):
            read_map(write_map(tmp_path, text), [tmp_path])
    found = read_map(write_map(tmp_path, f"\ufeffaddress,file\r\n{address},ink.safetensors\r\n"), [tmp_path])
    assert found == {str(tmp_path / "ink.safetensors"): address}


def test_a_map_gives_each_file_its_card(tmp_path: Path, hub: HubServer, base_environment: dict[str, str]) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, base in (("ink", "black-forest-labs/FLUX.1-dev"), ("moss", "stabilityai/stable-diffusion-xl-base-1.0")):
        (folder / f"{name}.pt").write_bytes(b"x")
        hub.repositories[f"someone/{name}"] = Repository(
            f"---\nbase_model: {base}\n---\n# {name}\n", files=[f"{name}.pt"]
        )
    (folder / "left.pt").write_bytes(b"x")
    lines = [f"{name}.pt,https://huggingface.co/someone/{name}" for name in ("ink", "moss")]
    addresses = write_map(tmp_path, "\n".join(["file,address", *lines]) + "\n")
    environment = {"HF_ENDPOINT": base_environment["HF_ENDPOINT"]}
    done = run_roster("enrich", str(folder), "--map", str(addresses), environment=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {name: json.loads((folder / f"{name}.metadata.json").read_text("utf-8")) for name in ("ink", "moss")}
    assert [found[name]["base_model"] for name in ("ink", "moss")] == ["Flux.1 D", "SDXL 1.0"]
    assert not (folder / "left.metadata.json").exists()
    wrong = write_map(tmp_path, "file,address\nnowhere.pt,https://huggingface.co/someone/ink\n")
    refused = run_roster("enrich", str(folder), "--map", str(wrong), environment=environment, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "line 2: nowhere.pt is not there" in refused.stderr


@pytest.mark.parametrize(
    ("word", "meant"),
    [("enrch", "enrich"), ("credential", "credentials"), ("palete", "palette"), ("zzz", ""), ("", "")],
)
def test_one_way_finds_the_name_that_was_meant(word: str, meant: str) -> None:
    assert closest(word, ["enrich", "credentials", "palette", "help", "connect"]) == meant
