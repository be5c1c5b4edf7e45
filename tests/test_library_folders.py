"""What a folder of models holds: each model once, whatever links lead to it; what is left out is counted and said."""

import os
from pathlib import Path

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import weight_files
from agentroster.library.header import header_metadata
from agentroster.library.library import Library
from agentroster.library.names import Names
from agentroster.library.preview import Previews
from agentroster.library.walk import LeftOut


def model(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def names_of(root: Path, folder: Path | None = None) -> list[str]:
    return [found.name for found in Library([root]).models(folder)]


def told(library: Library) -> list[str]:
    left_out = LeftOut()
    list(library.models(left_out=left_out))
    return left_out.told()


@pytest.mark.parametrize("ending", ["safetensors", "sft", "ckpt", "pt", "pt2", "pth", "bin", "gguf", "SFT", "Bin"])
def test_every_ending_that_lora_manager_shows_is_a_model(tmp_path: Path, ending: str) -> None:
    model(tmp_path / f"a.{ending}")
    assert names_of(tmp_path) == [f"a.{ending}"]
    library = Library([tmp_path])
    assert [found.name for found in library.find(f"a.{ending}")] == [f"a.{ending}"]
    assert [found.name for found in Names(library).meant(f"a.{ending}".lower())] == [f"a.{ending}"]
    assert Names(library).longest_at(f"a.{ending}, please".lower(), 0) == len(f"a.{ending}")
    assert weight_files([f"sub/a.{ending}", "README.md"]) == (f"sub/a.{ending}",)


@pytest.mark.parametrize(
    "name",
    ["optimizer.bin", "scheduler.bin", "training_args.bin", "random_states_0.pt", "rng_state_1.pth", "scaler.pt",
     "optimizer_2.pt", "x.pkl", "x.json", "x.png", "safetensors", ".bin"],
)  # fmt: skip
def test_what_trainers_leave_beside_a_model_is_none(tmp_path: Path, name: str) -> None:
    model(tmp_path / name)
    assert names_of(tmp_path) == []
    assert told(Library([tmp_path])) == []


def test_a_header_is_read_under_both_names_of_the_format(tmp_path: Path) -> None:
    content = b'{"__metadata__":{"ss_base_model_version":"sd_v1"}}'
    (tmp_path / "a.sft").write_bytes(len(content).to_bytes(8, "little") + content)
    assert header_metadata(tmp_path / "a.sft") == {"ss_base_model_version": "sd_v1"}


def test_links_within_the_library_are_followed_once(tmp_path: Path) -> None:
    first, second = model(tmp_path / "store/one.safetensors"), model(tmp_path / "store/sub/two.safetensors")
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux/linked").symlink_to(tmp_path / "store")
    (tmp_path / "flux/again").symlink_to(tmp_path / "store/sub")
    (tmp_path / "flux/up").symlink_to(tmp_path)
    (tmp_path / "flux/self").symlink_to("self")
    (tmp_path / "flux/one.safetensors").symlink_to(first)
    (tmp_path / "store/sub/loop").symlink_to(tmp_path / "flux")
    assert sorted(names_of(tmp_path)) == ["store/one.safetensors", "store/sub/two.safetensors"]
    assert sorted(names_of(tmp_path, tmp_path / "flux")) == ["store/one.safetensors", "store/sub/two.safetensors"]
    assert [found.path for found in Library([tmp_path]).find("store/sub/")] == [second, first]
    assert told(Library([tmp_path])) == []


def test_a_root_within_another_one_brings_no_model_twice(tmp_path: Path) -> None:
    model(tmp_path / "sub/a.safetensors")
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    roots = [tmp_path, tmp_path / "sub", tmp_path / "link"]
    assert len(list(Library(roots).models())) == 1


def test_what_is_left_out_is_counted_by_its_reason(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "library"
    model(outside / "a.safetensors")
    kept = model(root / "kept.safetensors")
    (root / "away").symlink_to(outside)
    (root / "away.safetensors").symlink_to(outside / "a.safetensors")
    (root / "dead.safetensors").symlink_to(root / "gone.safetensors")
    model(root / "blobs/0123abcd")
    (root / "cached.safetensors").symlink_to(root / "blobs/0123abcd")
    model(Path(os.fsdecode(os.fsencode(root) + b"/odd\xff.safetensors")))
    assert [found.path for found in Library([root]).models()] == [kept]
    assert told(Library([root])) == [
        "one model file is a link that leads nowhere, or cannot be reached",
        "the name of one model file has characters that cannot be shown",
        "2 links lead out of the library",
        "one link leads to a file that does not have the name of a model",
    ]


def test_a_folder_that_cannot_be_read_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(tmp_path / "closed/a.safetensors")
    model(tmp_path / "open/b.safetensors")
    scandir = os.scandir

    def refusing(path: str) -> object:
        # Whoever runs the tests as root may read everything.
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names_of(tmp_path) == ["open/b.safetensors"]
    assert told(Library([tmp_path])) == ["one folder cannot be read"]


@pytest.mark.parametrize(
    "name",
    ["a.avif", "a.jxl", "a.AVIF", "a.preview.avif", "a.preview.jxl", "a.safetensors.png", "a.safetensors.webp",
     "a.safetensors.jpg", "a.example.0.jpeg", "a.webm", "a.mp4", "a.gif"],
)  # fmt: skip
def test_every_picture_and_video_that_lora_manager_shows_is_a_preview(tmp_path: Path, name: str) -> None:
    [found] = Library([model(tmp_path / "a.safetensors").parent]).models()
    assert Previews().existing(found) is None
    (tmp_path / name).write_bytes(b"mine")
    assert Previews().existing(found) == tmp_path / name
