"""The main job on real files: from a model card to a completed sidecar, through the public door."""

import codecs
import hashlib
import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import OPENWEBUI_KEY
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

AGENT = "agno/enrich-metadata"
CARDS = Path(__file__).parent / "cards"


def card(name: str) -> str:
    return (CARDS / f"{name}.md").read_text(encoding="utf-8")


def say(proxy: RosterProcess, text: str, key: str | None = None) -> str:
    answer = proxy.openai(key).chat.completions.create(model=AGENT, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


@pytest.fixture
def folder(library_root: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own in the shared library."""
    path = library_root / hashlib.sha1(request.node.name.encode()).hexdigest()[:10]
    path.mkdir()
    return path


Make = Callable[..., Path]


@pytest.fixture
def make(folder: Path) -> Make:
    """Write a small but valid model file, and a sidecar when fields are given."""

    def write(name: str, sidecar: dict[str, Any] | None = None, header: dict[str, str] | None = None) -> Path:
        raw = json.dumps({"__metadata__": header or {}}).encode()
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 16)
        if sidecar is not None:
            sidecar_of(path).write_text(json.dumps(sidecar), encoding="utf-8")
        return path

    return write


def sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.metadata.json")


def read(path: Path) -> dict[str, Any]:
    return json.loads(sidecar_of(path).read_text(encoding="utf-8"))


def test_a_sidecar_is_completed_from_the_card_with_no_model_and_no_key(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"), files=["ink.safetensors"])
    model = make(
        "ink.safetensors", {"file_name": "ink", "hf_url": "https://huggingface.co/someone/ink-wash", "my_own": [1]}
    )
    answer = say(offline_proxy, f"enrich {folder.name}/ink.safetensors")
    sidecar = read(model)
    assert sidecar["base_model"] == "Flux.1 D"
    assert sidecar["civitai"]["trainedWords"] == ["inkwash style"]
    assert sidecar["tags"] == ["ink wash", "painting"]
    assert sidecar["civitai"]["description"].startswith("A LoRA that paints")
    assert "<h1>Ink Wash for FLUX</h1>" in sidecar["modelDescription"]
    assert "<script" not in sidecar["modelDescription"]
    assert 'href="javascript' not in sidecar["modelDescription"]
    assert sidecar["metadata_source"] == "agent:enrich_hf_metadata"
    entries = sidecar["agentroster"]
    assert set(entries) == {"base_model", "trainedWords", "tags", "modelDescription", "civitai.description"}
    assert {(entry["source"], entry["card"], entry["at"]) for entry in entries.values()} == {
        ("card", "someone/ink-wash", sidecar["llm_enriched_at"])
    }
    assert entries["base_model"]["evidence"] == "base_model of the card"
    assert entries["tags"]["added"] == ["ink wash", "painting"]
    assert sidecar["my_own"] == [1]
    assert list(sidecar)[:3] == ["file_name", "hf_url", "my_own"]
    assert "Base model: Flux.1 D" in answer
    assert "1 in all: 1 changed, 0 unchanged, 0 failed." in answer


def test_links_of_a_card_lead_to_its_repository_or_are_left_out_and_their_words_stay(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    links = {
        "[person](/someone)": "https://huggingface.co/someone",
        "[other](/someone/else/tree/main)": "https://huggingface.co/someone/else/tree/main",
        "![picture](./images/x.png)": "https://huggingface.co/someone/ink-wash/blob/main/images/x.png",
        "[file](ink%20wash.safetensors?download=true)": (
            "https://huggingface.co/someone/ink-wash/blob/main/ink%20wash.safetensors?download=true"
        ),
        "[part](#usage)": "https://huggingface.co/someone/ink-wash#usage",
        "[same](//example.com/a)": "https://example.com/a",
        "[named][one]": "https://huggingface.co/someone/ink-wash/blob/main/LICENSE.md",
        "[**bold**](docs/a.md 'title')": "https://huggingface.co/someone/ink-wash/blob/main/docs/a.md",
        "[site](https://example.com/b#c)": "https://example.com/b#c",
        "[mail](mailto:a@example.com)": "mailto:a@example.com",
        "[up](../../someone)": "", "[up too](a/%2e%2e/%2e%2e/b)": "", "[app](obsidian:open)": "", "[empty]()": "",
        "[no host](https:///x)": "", '<a href="/raw">raw</a>': "", '<img src="./raw.png">': "",
    }  # fmt: skip
    text = "# Ink\n\n" + "\n\n".join(links) + "\n\n[one]: LICENSE.md\n"
    hub.repositories["someone/ink-wash"] = Repository(text, files=["ink.safetensors"])
    model = make("ink.safetensors", {"hf_url": "https://huggingface.co/someone/ink-wash"})
    say(offline_proxy, f"enrich {folder.name}/ink.safetensors")
    html = str(read(model)["modelDescription"])
    assert re.findall(r'href="([^"]*)"', html) == [link for link in links.values() if link]
    assert "src=" not in html
    for words in ("person", "<strong>bold</strong>", "up too", "app", "empty", "no host", "raw"):
        assert words in html, words
    # What stands in the file itself is of no repository.
    own = {
        "modelspec.description": "A paint of ink with [a part](#usage), [a file](x.md) and [a site](https://a.example/)."
    }
    model = make("own.safetensors", header={**own, "ss_base_model_version": "flux1"})
    say(offline_proxy, f"enrich {folder.name}/own.safetensors")
    assert re.findall(r'href="([^"]*)"', str(read(model)["modelDescription"])) == ["https://a.example/"]


def test_a_missing_sidecar_is_made_from_the_file_and_completed(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    model = make("fresh ink.safetensors")
    answer = say(offline_proxy, f"enrich {model} from https://huggingface.co/someone/ink-wash please")
    sidecar = read(model)
    assert sidecar["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert sidecar["size"] == model.stat().st_size
    assert (sidecar["file_name"], sidecar["hash_status"]) == ("fresh ink", "completed")
    assert sidecar["base_model"] == "Flux.1 D"
    assert sidecar["hf_url"] == "https://huggingface.co/someone/ink-wash"
    assert "Sidecar: made from the file" in answer


def test_a_file_that_nobody_and_nothing_says_anything_about_gets_a_hint_and_no_bare_sidecar(
    offline_proxy: RosterProcess, make: Make
) -> None:
    model = make("orphan.safetensors", header={"ss_base_model_version": "custom", "modelspec.trigger_phrase": ""})
    answer = say(offline_proxy, f"enrich {model}")
    assert not sidecar_of(model).exists()
    assert "no HuggingFace address is known" in answer


HEADER = {
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_sd_model_name": "ponyDiffusionV6XL_v6StartWithThisOne.safetensors",
    "modelspec.trigger_phrase": "zxq style",
    "modelspec.description": "Paints landscapes as ink on paper.",
    "modelspec.tags": "ink wash, sdxl, lora",
}


def test_a_file_without_an_address_gets_what_its_own_header_says(offline_proxy: RosterProcess, make: Make) -> None:
    model = make("own.safetensors", header=HEADER)
    answer = say(offline_proxy, f"enrich {model}")
    sidecar = read(model)
    assert sidecar["base_model"] == "Pony"
    assert sidecar["civitai"] == {"trainedWords": ["zxq style"], "description": "Paints landscapes as ink on paper."}
    assert sidecar["tags"] == ["ink wash"]
    assert "Paints landscapes" in sidecar["modelDescription"]
    assert sidecar["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert {entry["source"] for entry in sidecar["agentroster"].values()} == {"file header"}
    assert "hf_url" not in sidecar
    assert "Base model: Pony" in answer
    before = sidecar_of(model).read_bytes()
    say(offline_proxy, f"enrich {model}")
    assert sidecar_of(model).read_bytes() == before


def test_no_sidecar_without_a_base_model_hides_that_of_another_program(
    offline_proxy: RosterProcess, make: Make
) -> None:
    header = {"modelspec.trigger_phrase": "zxq"}
    known, unknown = make("known.safetensors", header=header), make("unknown.safetensors", header=header)
    known.with_name("known.civitai.info").write_text('{"baseModel": "NoobAI"}', encoding="utf-8")
    unknown.with_name("unknown.civitai.info").write_text('{"baseModel": "Brand New 9"}', encoding="utf-8")
    say(offline_proxy, f"enrich {known.parent.name}")
    assert read(known)["base_model"] == "NoobAI"
    assert read(known)["civitai"]["trainedWords"] == ["zxq"]
    assert read(known)["agentroster"]["base_model"]["evidence"] == "known.civitai.info"
    assert not sidecar_of(unknown).exists()


def test_a_header_never_replaces_what_a_person_set(offline_proxy: RosterProcess, make: Make) -> None:
    mine = {"base_model": "SD 1.5", "tags": ["mine"], "modelDescription": "mine", "civitai": {"trainedWords": ["mine"]}}
    model = make("mine.safetensors", mine, header=HEADER)
    say(offline_proxy, f"enrich {model}")
    sidecar = read(model)
    assert (sidecar["base_model"], sidecar["modelDescription"]) == ("SD 1.5", "mine")
    assert sidecar["civitai"]["trainedWords"] == ["mine"]
    assert sidecar["tags"] == ["mine", "ink wash"]
    assert set(sidecar["agentroster"]) == {"tags", "civitai.description"}


def test_a_dry_run_over_a_file_without_an_address_writes_nothing(offline_proxy: RosterProcess, make: Make) -> None:
    model = make("dry.safetensors", header=HEADER)
    answer = say(offline_proxy, f"/enrich {model} --dry-run")
    assert "Pony" in answer
    assert not sidecar_of(model).exists()


def test_what_a_person_wrote_is_kept_and_said(offline_proxy: RosterProcess, hub: HubServer, make: Make) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    mine = {
        "hf_url": "https://hf.co/someone/ink-wash",
        "base_model": "SD 1.5",
        "tags": ["Mine", "painting"],
        "notes": "do not touch",
        "modelDescription": "my words",
        "civitai": {"trainedWords": ["my word"], "description": "mine", "id": 5},
    }
    model = make("kept.safetensors", mine)
    answer = say(offline_proxy, f"enrich {model}")
    sidecar = read(model)
    assert sidecar["tags"] == ["Mine", "painting", "ink wash"]
    assert {**sidecar, "tags": 0, "metadata_source": 0, "llm_enriched_at": 0} == {
        **mine, "tags": 0, "metadata_source": 0, "llm_enriched_at": 0, "agentroster": sidecar["agentroster"],
    }  # fmt: skip
    assert list(sidecar["agentroster"]) == ["tags"]
    assert "Already set: Base model" in answer


def test_a_second_run_changes_nothing_not_even_the_time(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    model = make("twice.safetensors", {"hf_url": "https://huggingface.co/someone/ink-wash"})
    say(offline_proxy, f"enrich {model}")
    before = sidecar_of(model).read_bytes(), sidecar_of(model).stat().st_mtime_ns
    assert "0 changed, 1 unchanged" in say(offline_proxy, f"enrich {model}")
    assert (sidecar_of(model).read_bytes(), sidecar_of(model).stat().st_mtime_ns) == before


@pytest.mark.parametrize("base", ["", "Unknown"])
def test_an_empty_or_unknown_base_model_is_filled(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, base: str
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    model = make("base.safetensors", {"hf_url": "https://huggingface.co/someone/ink-wash", "base_model": base})
    say(offline_proxy, f"enrich {model}")
    assert read(model)["base_model"] == "Flux.1 D"


def test_a_folder_is_enriched_file_by_file_from_the_files_own_part_of_the_card(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    names = ["rust", "moss garden", "paper", "velvet", "stranger"]
    hub.repositories["x/shelf"] = Repository(card("collection"), files=[f"{name}.safetensors" for name in names])
    models = {name: make(f"sub/{name}.safetensors", {"hf_url": "https://huggingface.co/x/shelf"}) for name in names}
    answer = say(offline_proxy, f"enrich {folder.name}/sub/")
    assert "5 in all" in answer
    found = {
        name: (read(model).get("base_model"), read(model).get("civitai", {}).get("trainedWords"))
        for name, model in models.items()
    }
    assert found == {
        "rust": ("SDXL 1.0", ["rusty metal"]),
        "moss garden": ("Illustrious", ["mossgarden", "lush"]),
        "paper": ("SD 1.5", ["papercut"]),
        "velvet": ("Pony", None),
        "stranger": (None, None),
    }
    assert hub.paths.count("/x/shelf/resolve/main/README.md") == 1, "one card is fetched once"


def test_a_chinese_card_is_read(offline_proxy: RosterProcess, hub: HubServer, make: Make) -> None:
    hub.repositories["a/shuimo"] = Repository(card("chinese"))
    model = make("shuimo.safetensors", {"hf_url": "https://huggingface.co/a/shuimo"})
    say(offline_proxy, f"enrich {model}")
    sidecar = read(model)
    assert sidecar["base_model"] == "ZImageTurbo"
    assert sidecar["civitai"]["trainedWords"] == ["shuimo", "水墨"]
    assert sidecar["tags"] == ["水墨"]


def test_enrich_everything_reaches_every_model_of_the_library(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    models = [make(f"all/{n}{suffix}", {"hf_url": "https://huggingface.co/someone/ink-wash"}) for n, suffix in
              enumerate([".safetensors", ".ckpt", ".pt", ".gguf"])]  # fmt: skip
    say(offline_proxy, "enrich everything")
    assert [read(model)["base_model"] for model in models] == ["Flux.1 D"] * 4


def test_an_address_alone_is_read_out_and_nothing_is_written(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux"))
    model = make("same.safetensors", {"hf_url": "https://huggingface.co/someone/ink-wash"})
    before = sidecar_of(model).read_bytes()
    answer = say(offline_proxy, "https://huggingface.co/someone/ink-wash")
    assert "Base model: Flux.1 D" in answer
    assert "inkwash style" in answer
    assert "Nothing written: an address" in answer
    assert sidecar_of(model).read_bytes() == before


def test_the_revision_of_an_address_is_respected(offline_proxy: RosterProcess, hub: HubServer) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"), revisions=("main", "v2"))
    assert "ZImageTurbo" in say(offline_proxy, "https://huggingface.co/a/b/tree/v2")
    assert hub.paths[0] == "/a/b/resolve/v2/README.md"
    assert "no revision v3" in say(offline_proxy, "https://huggingface.co/a/b/blob/v3/x.safetensors")


def test_the_token_goes_to_the_hub(offline_proxy: RosterProcess, hub: HubServer) -> None:
    hub.repositories["a/gated"] = Repository(card("chinese"), gated=True)
    assert "ZImageTurbo" in say(offline_proxy, "https://huggingface.co/a/gated")


def test_a_renamed_repository_is_followed(offline_proxy: RosterProcess, hub: HubServer) -> None:
    hub.repositories["a/old"] = Repository(renamed_to="a/new")
    hub.repositories["a/new"] = Repository(card("chinese"))
    assert "ZImageTurbo" in say(offline_proxy, "https://huggingface.co/a/old")


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:9/x",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:1/",
        "https://evil.example/x",
    ],
)
def test_a_redirect_to_another_host_is_refused(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, target: str
) -> None:
    hub.repositories["a/away"] = Repository(redirect=target)
    model = make("away.safetensors", {"hf_url": "https://huggingface.co/a/away"})
    before = sidecar_of(model).read_bytes()
    answer = say(offline_proxy, f"enrich {model}")
    assert "not permitted" in answer
    assert sidecar_of(model).read_bytes() == before


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        (None, "does not exist"),
        (Repository(card=None), "no model card"),
        (Repository(status=500), "status 500"),
        (Repository(status=429), "slow down"),
        (Repository(status=403), "gated"),
    ],
)
def test_a_card_that_cannot_be_had_is_said_plainly_and_nothing_is_written(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, repository: Repository | None, words: str
) -> None:
    if repository is not None:
        hub.repositories["a/b"] = repository
    model = make("none.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    bare = make("bare.safetensors")
    before = sidecar_of(model).read_bytes()
    assert words in say(offline_proxy, f"enrich {model}")
    assert words in say(offline_proxy, f"enrich {bare} from https://huggingface.co/a/b")
    assert sidecar_of(model).read_bytes() == before
    assert not sidecar_of(bare).exists()


def test_an_unreachable_hub_is_said_plainly(tmp_path: Path, base_environment: dict[str, str], make: Make) -> None:
    model = make("far.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    proxy = RosterProcess(tmp_path, {**base_environment, "HF_ENDPOINT": "http://127.0.0.1:9"}).start()
    try:
        assert "cannot be reached" in say(proxy, f"enrich {model}")
        assert read(model) == {"hf_url": "https://huggingface.co/a/b"}
    finally:
        proxy.stop()


def test_paths_outside_the_library_and_unknown_files_are_refused(
    offline_proxy: RosterProcess, folder: Path, make: Make, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"x")
    make("inside.safetensors")
    (folder / "link.safetensors").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    refusals = {
        str(outside): "outside the library",
        "/etc/passwd": "outside the library",
        "/etc/no-such-thing": "outside the library",
        f"{folder.name}/../../../etc/passwd": "outside the library",
        f"{folder}/link.safetensors": "outside the library",
        f"{folder}/linked/outside.safetensors": "outside the library",
        f"{folder}/missing.safetensors": "does not exist",
        f"{folder}/notes.txt": "not a model file",
        "nowhere.safetensors": "not in the library",
    }
    for wish, words in refusals.items():
        answer = say(offline_proxy, f"enrich {wish}")
        assert words in answer, wish
        assert "1 failed" in answer
    assert not list(tmp_path.glob("*.metadata.json"))
    everything = say(offline_proxy, f"enrich {folder}")
    assert "link.safetensors" not in everything
    assert "Left out: 2 links lead out of the library." in everything


def test_a_file_whose_name_cannot_be_shown_does_not_stop_the_others(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    model = make("fine.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    (folder / os.fsdecode(b"bad-\xff.safetensors")).write_bytes(b"x")
    (folder / "bad-\x1b[31m.safetensors").write_bytes(b"x")
    assert "1 in all: 1 changed" in say(offline_proxy, f"enrich {folder}")
    assert read(model)["base_model"] == "ZImageTurbo"


def test_a_sidecar_that_is_a_link_or_no_json_is_left_alone(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, tmp_path: Path
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    target = tmp_path / "target.json"
    target.write_text('{"hf_url": "https://huggingface.co/a/b"}', encoding="utf-8")
    linked, broken, listed = make("linked.safetensors"), make("broken.safetensors"), make("list.safetensors")
    nested = make("nested.safetensors")
    sidecar_of(nested).write_text("[" * 100_000, encoding="utf-8")
    sidecar_of(linked).symlink_to(target)
    sidecar_of(broken).write_text('{"hf_url": ', encoding="utf-8")
    sidecar_of(listed).write_text("[]", encoding="utf-8")
    assert "is a link" in say(offline_proxy, f"enrich {linked}")
    for model in (broken, listed, nested):
        assert "repair or remove it" in say(offline_proxy, f"enrich {model} from https://huggingface.co/a/b")
    assert target.read_text(encoding="utf-8") == '{"hf_url": "https://huggingface.co/a/b"}'
    assert sidecar_of(broken).read_text(encoding="utf-8") == '{"hf_url": '


@pytest.mark.parametrize("field", ["exclude", "skip_metadata_refresh"])
def test_a_model_that_asks_to_be_left_alone_is(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, field: str
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    model = make("alone.safetensors", {"hf_url": "https://huggingface.co/a/b", field: True})
    assert "leave this model alone" in say(offline_proxy, f"enrich {model}")
    assert "base_model" not in read(model)


def test_a_caller_without_identity_writes_nothing(offline_proxy: RosterProcess, hub: HubServer, make: Make) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    model = make("mine.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    bare = make("bare.safetensors")
    assert "proven identity" in say(offline_proxy, f"enrich {model} {bare}", OPENWEBUI_KEY)
    assert read(model) == {"hf_url": "https://huggingface.co/a/b"}
    assert not sidecar_of(bare).exists()


def test_a_streamed_answer_ends_with_what_came_of_each_model(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    models = [make(f"{n}.safetensors", {"hf_url": "https://huggingface.co/a/b"}) for n in range(3)]
    messages: Any = [{"role": "user", "content": "enrich " + " ".join(map(str, models))}]
    chunks = list(offline_proxy.openai().chat.completions.create(model=AGENT, messages=messages, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.count("ZImageTurbo") == 3
    assert "3 in all: 3 changed" in text


def test_the_write_is_atomic_and_keeps_the_mode(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    model = make("mode.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    sidecar_of(model).chmod(0o640)
    inode = sidecar_of(model).stat().st_ino
    say(offline_proxy, f"enrich {model}")
    assert sidecar_of(model).stat().st_ino != inode, "a new file took the place of the old one"
    assert sidecar_of(model).stat().st_mode & 0o777 == 0o640
    assert not list(folder.glob(".*"))


def test_with_a_language_model_the_agent_calls_the_tool(
    proxy: RosterProcess, model_server: ModelServer, hub: HubServer, make: Make
) -> None:
    hub.repositories["a/b"] = Repository(card("chinese"))
    model = make("llm.safetensors", {"hf_url": "https://huggingface.co/a/b"})
    arguments = json.dumps({"targets": [str(model)]})
    answer = say(proxy, f"script: tool enrich_hf_metadata {arguments}")
    assert '"base_model":"ZImageTurbo"' in answer
    assert read(model)["base_model"] == "ZImageTurbo"
    assert model_server.requests[0]["tools"][0]["function"]["name"] == "enrich_hf_metadata"


def test_a_base_model_that_is_itself_a_fine_tune_is_followed_to_its_own_card(
    offline_proxy: RosterProcess, hub: HubServer, make: Make
) -> None:
    hub.repositories["a/lora"] = Repository("---\nbase_model: a/my-finetune\n---\n# Something\n")
    hub.repositories["a/my-finetune"] = Repository("---\nbase_model: stabilityai/stable-diffusion-xl-base-1.0\n---\n")
    model = make("followed.safetensors", {"hf_url": "https://huggingface.co/a/lora"})
    say(offline_proxy, f"enrich {model}")
    assert read(model)["base_model"] == "SDXL 1.0"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_card_is_read_in_the_encoding_that_it_says(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, encoding: str
) -> None:
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    hub.repositories["a/shuimo"] = Repository(mark + card("chinese").encode(encoding))
    model = make("shuimo.safetensors", {"hf_url": "https://huggingface.co/a/shuimo"})
    say(offline_proxy, f"enrich {model}")
    assert read(model)["civitai"]["trainedWords"] == ["shuimo", "水墨"]


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "mixed"])
def test_of_a_card_in_an_unknown_encoding_only_what_can_be_read_is_written(
    offline_proxy: RosterProcess, hub: HubServer, make: Make, encoding: str
) -> None:
    strange = {"gb18030": "水墨画", "shift_jis": "水墨", "mixed": "größe"}[encoding]
    text = f"---\nbase_model: black-forest-labs/FLUX.1-dev\ntags: [ink, {strange}]\n---\n# Ink\n\nA style of {strange}."
    text += f"\n\nTrigger words: `plainword`, `{strange}`\n"
    # What was pasted from elsewhere may be in another encoding than the rest.
    is_mixed = encoding == "mixed"
    body = text.encode("cp1252") + "\nGrüße.\n".encode() if is_mixed else text.encode(encoding)
    hub.repositories["a/ink"] = Repository(body)
    model = make("ink.safetensors", {"hf_url": "https://huggingface.co/a/ink"})
    say(offline_proxy, f"enrich {model}")
    sidecar = read(model)
    assert sidecar["base_model"] == "Flux.1 D"
    assert sidecar["civitai"]["trainedWords"] == ["plainword"]
    assert "\ufffd" not in json.dumps([sidecar["tags"], sidecar["civitai"]], ensure_ascii=False)


def test_a_very_long_card_is_read_from_its_beginning(offline_proxy: RosterProcess, hub: HubServer, make: Make) -> None:
    hub.repositories["someone/ink-wash"] = Repository(card("ink_flux") + "\n\n" + "Pictures. " * 400_000)
    model = make("ink.safetensors", {"hf_url": "https://huggingface.co/someone/ink-wash"})
    say(offline_proxy, f"enrich {model}")
    assert read(model)["civitai"]["trainedWords"] == ["inkwash style"]


def test_the_files_of_a_renamed_repository_keep_their_own_values(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, make: Make
) -> None:
    names = ["rust", "moss garden"]
    hub.repositories["x/old"] = Repository(renamed_to="x/newer")
    hub.repositories["x/newer"] = Repository(renamed_to="x/shelf")
    hub.repositories["x/shelf"] = Repository(card("collection"), files=[f"{name}.safetensors" for name in names])
    models = [make(f"{name}.safetensors", {"hf_url": "https://huggingface.co/x/old"}) for name in names]
    say(offline_proxy, f"enrich {folder.name}/")
    assert [read(model)["civitai"]["trainedWords"] for model in models] == [["rusty metal"], ["mossgarden", "lush"]]
