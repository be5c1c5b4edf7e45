"""Sidecars under load and sudden death; what the way out refuses."""

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agentroster.errors import NotAllowed, ToolFailed
from agentroster.library.library import Library, ModelFile
from agentroster.library.sidecar import Sidecars


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    (tmp_path / "m.safetensors").write_bytes(b"\0" * 8)
    (tmp_path / "m.metadata.json").write_text('{"numbers": []}', encoding="utf-8")
    return Library([tmp_path]).find("m.safetensors")[0]


def _append(model: ModelFile, worker: int, count: int) -> None:
    for number in range(count):

        def change(sidecar: dict[str, Any], entry: int = worker * 1000 + number) -> bool:
            sidecar["numbers"].append(entry)
            return True

        Sidecars().update(model, change)


def test_no_change_is_lost_between_processes(model: ModelFile) -> None:
    workers = [multiprocessing.Process(target=_append, args=(model, worker, 40)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    numbers = json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"]
    assert sorted(numbers) == sorted(worker * 1000 + number for worker in range(4) for number in range(40))


def test_a_killed_writer_leaves_the_old_or_the_new_file(model: ModelFile) -> None:
    for _ in range(25):
        writer = multiprocessing.Process(target=_append, args=(model, 1, 10_000))
        writer.start()
        before = len(json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"])
        while len(json.loads(model.sidecar.read_text(encoding="utf-8"))["numbers"]) < before + 3:
            pass
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        json.loads(model.sidecar.read_text(encoding="utf-8"))
    # The next one cleans up.
    (model.path.parent / ".m.metadata.json.tmp").write_text("half", encoding="utf-8")
    _append(model, 2, 1)
    assert {path.name for path in model.path.parent.iterdir()} == {"m.safetensors", "m.metadata.json"}


def test_a_link_in_the_place_of_a_sidecars_temporary_file_is_not_followed(model: ModelFile, tmp_path: Path) -> None:
    (tmp_path / ".m.metadata.json.tmp").symlink_to(tmp_path / "target")
    _append(model, 1, 1)
    assert not (tmp_path / "target").exists()
    assert not model.sidecar.is_symlink()


def test_a_change_by_somebody_else_in_between_is_read_again(model: ModelFile) -> None:
    sidecars = Sidecars()
    sidecars.read(model)
    model.sidecar.write_text('{"theirs": true}', encoding="utf-8")
    sidecars.update(model, lambda sidecar: sidecar.update(ours=True) is None)
    assert json.loads(model.sidecar.read_text(encoding="utf-8")) == {"theirs": True, "ours": True}


def test_writing_without_permission_is_refused(model: ModelFile) -> None:
    before = model.sidecar.read_bytes()
    for attempt in (lambda s: s.update(model, lambda _: True), lambda s: s.create(model, lambda: False)):
        with pytest.raises(NotAllowed):
            attempt(Sidecars(refusal="no"))
    assert model.sidecar.read_bytes() == before


def test_a_read_only_folder_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    model = ModelFile(tmp_path / "gone" / "m.safetensors", "m.safetensors")
    with pytest.raises((ToolFailed, OSError)):
        Sidecars().update(model, lambda _: True)


def test_the_same_name_under_two_roots_is_two_models(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a", "b", "c/b")]
    for root in roots:
        root.mkdir(parents=True)
        (root / "m.safetensors").write_bytes(b"x")
    library = Library([*roots, tmp_path / "a"])
    names = [model.name for model in library.models()]
    assert names == ["a/m.safetensors", f"{roots[1]}/m.safetensors", f"{roots[2]}/m.safetensors"]
    for name, root in zip(names, roots, strict=True):
        assert [model.path for model in library.find(name)] == [root / "m.safetensors"]
