"""A model site is asked for files by their SHA-256 where the operator allows it, and for nothing otherwise."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentroster.library.digests import digest_of, noted_digest
from agentroster.net.origin import Origin
from agentroster.skills.hub import bucket_of
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_site import ModelSiteServer
from tests.support.stand_ins.serving import serving

CONTENT = b"\x02\0\0\0\0\0\0\0{}"


@dataclass
class Scene:
    """A proxy that may ask the site, and its library."""

    proxy: RosterProcess
    site: ModelSiteServer
    library: Path

    def model(self, name: str, sidecar: dict[str, object] | None = None) -> tuple[Path, str]:
        """Write a model file of its own content; return it and its digest."""
        path = self.library / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT + name.encode())
        if sidecar is not None:
            path.with_suffix(".metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")
        return path, hashlib.sha256(CONTENT + name.encode()).hexdigest()

    def enrich(self, target: object) -> str:
        messages: Any = [{"role": "user", "content": f"enrich {target}"}]
        answer = self.proxy.openai().chat.completions.create(model="agno/enrich-metadata", messages=messages)
        return answer.choices[0].message.content or ""


def sidecar_of(path: Path) -> dict[str, Any]:
    return json.loads(path.with_suffix(".metadata.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]) -> Iterator[Scene]:
    site, folder = ModelSiteServer(), tmp_path_factory.mktemp("site")
    library = folder / "library"
    library.mkdir()
    with serving(site.app()) as url:
        environment = {**base_environment, "ROSTER_MODEL_SITE": url, "ROSTER_LIBRARY": str(library)}
        proxy = RosterProcess(folder, environment).start()
        try:
            yield Scene(proxy, site, library)
        finally:
            proxy.stop()


@pytest.fixture
def scene(_scene: Scene, hub: HubServer) -> Scene:
    site = _scene.site
    site.versions.clear()
    site.asked.clear()
    site.status, site.without_batch = 0, False
    assert hub
    return _scene


def test_what_the_site_says_of_this_very_file_is_written_with_its_origin(scene: Scene) -> None:
    path, digest = scene.model("known/heron")
    scene.site.knows(
        digest, trainedWords=["zxq heron", "ink"], description="<p>Herons in red ink on paper.</p><script>x</script>"
    )
    scene.enrich(path)
    written = sidecar_of(path)
    assert (written["base_model"], written["civitai"]["trainedWords"]) == ("Illustrious", ["zxq heron", "ink"])
    assert written["civitai"]["description"] == "Herons in red ink on paper."
    assert "script" not in written["modelDescription"]
    for field in ("base_model", "trainedWords", "modelDescription"):
        origin = written["agentroster"][field]
        assert (origin["source"], origin["evidence"]) == ("model site", "127.0.0.1")
    assert scene.site.asked == [f"GET {digest.upper()}"]
    scene.enrich(path)
    assert len(scene.site.asked) == 1, "what is complete is asked about no more"


def test_a_file_that_the_site_does_not_know_gets_no_sidecar(scene: Scene) -> None:
    path, _ = scene.model("unknown/heron")
    assert "no HuggingFace address is known" in scene.enrich(path)
    assert not path.with_suffix(".metadata.json").exists()


@pytest.mark.parametrize("files", [[], [{"hashes": {"SHA256": "A" * 64}}], [{"hashes": {"AutoV2": "X"}}], "x", [None]])
def test_an_answer_about_another_file_is_not_believed(scene: Scene, files: object) -> None:
    path, digest = scene.model("other/heron")
    scene.site.knows(digest, trainedWords=["zxq"], files=files)
    scene.enrich(path)
    assert not path.with_suffix(".metadata.json").exists()


def test_trouble_of_the_site_is_said_and_the_card_is_read_all_the_same(scene: Scene, hub: HubServer) -> None:
    hub.repositories["a/herons"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Herons\n")
    path, _ = scene.model("trouble/heron", {"hf_url": "https://huggingface.co/a/herons"})
    scene.site.status = 500
    answer = scene.enrich(path)
    assert "127.0.0.1 answered with status 500: try again later" in answer
    assert sidecar_of(path)["base_model"] == "Flux.1 D"


def test_the_card_goes_first_and_a_site_that_says_otherwise_is_told(scene: Scene, hub: HubServer) -> None:
    hub.repositories["a/herons"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Herons\n")
    path, digest = scene.model("both/heron", {"hf_url": "https://huggingface.co/a/herons"})
    scene.site.knows(digest, trainedWords=["zxq heron"])
    answer = scene.enrich(path)
    assert "Flux.1 D was taken (base_model of the card), 127.0.0.1 says Illustrious" in answer
    written = sidecar_of(path)
    assert (written["base_model"], written["civitai"]["trainedWords"]) == ("Flux.1 D", ["zxq heron"])


@pytest.mark.parametrize("without_batch", [False, True])
def test_files_with_a_noted_digest_are_asked_for_at_once(scene: Scene, without_batch: bool) -> None:
    scene.site.without_batch = without_batch
    folder = f"many-{without_batch}"
    paths = list[Path]()
    for number in range(3):
        path, digest = scene.model(f"{folder}/m{number}")
        stat = path.stat()
        noted = {"sha256": digest, "size": stat.st_size, "modified": stat.st_mtime, "base_model": ""}
        scene.model(f"{folder}/m{number}", noted)
        scene.site.knows(digest)
        paths.append(path)
    scene.enrich(f"{folder}/")
    assert {sidecar_of(path)["base_model"] for path in paths} == {"Illustrious"}
    assert scene.site.asked[0] == "POST 3"
    assert len(scene.site.asked) == (4 if without_batch else 1)


def test_without_a_site_nothing_is_asked(offline_proxy: RosterProcess, library_root: Path) -> None:
    path = library_root / "no-site" / "heron.safetensors"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    messages: Any = [{"role": "user", "content": f"enrich {path}"}]
    answer = offline_proxy.openai().chat.completions.create(model="agno/enrich-metadata", messages=messages)
    assert "no HuggingFace address is known" in (answer.choices[0].message.content or "")


def test_a_site_has_limits_of_its_own() -> None:
    hub, site = Origin.of("https://hub.test"), Origin.of("https://site.test")
    assert bucket_of("https://site.test/api/v1/x", [hub], [site]) == "https://site.test:443 all"
    assert bucket_of("https://hub.test/api/models/a/b", [hub], [site]) == "https://hub.test:443 api"
    assert bucket_of("https://other.test/x", [hub], [site]) is None


def test_a_noted_digest_counts_only_for_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(CONTENT)
    digest, stat = hashlib.sha256(CONTENT).hexdigest(), path.stat()
    noted = {"sha256": "a" * 64, "size": stat.st_size, "modified": stat.st_mtime}
    assert noted_digest(path, noted) == digest_of(path, noted, lambda: False) == "a" * 64
    for changed in (
        {"size": stat.st_size + 1}, {"modified": stat.st_mtime - 60}, {"modified": None}, {"sha256": "A" * 63},
        {"sha256": "g" * 64}, {"sha256": None}, {"size": None},
    ):  # fmt: skip
        assert noted_digest(path, {**noted, **changed}) == ""
        assert digest_of(path, {**noted, **changed}, lambda: False) == digest
    assert noted_digest(path, None) == ""


def test_a_digest_is_computed_anew_when_the_file_has_changed_and_not_when_the_run_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"one")
    assert digest_of(path, None, lambda: True) == ""
    assert digest_of(path, None, lambda: False) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, (1, 1))
    assert digest_of(path, None, lambda: False) == hashlib.sha256(b"two").hexdigest()
