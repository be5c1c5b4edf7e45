"""GGUF files and SwarmUI's sidecars speak for themselves; hostile ones say nothing and keep nobody busy."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.asking.questions import Prepared, notes
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction, extract
from agentroster.builtin.skills.enrich_hf_metadata.deciding.header_rules import suggested_words
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.library.gguf import gguf_metadata
from agentroster.library.peers import peers_of

PARENT = "general.base_model"


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, value: object) -> bytes:
    match value:
        case str():
            return text(key) + struct.pack("<I", 8) + text(value)
        case list():
            return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(str(one)) for one in value)
        case _:
            return text(key) + struct.pack("<II", 4, value)


def gguf(path: Path, *pairs: bytes, count: int | None = None, version: int = 3) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(pairs) if count is None else count)
    path.write_bytes(head + b"".join(pairs) + bytes(64))
    return path


def read(header: dict[str, str], file: str = "x.gguf") -> Extraction:
    return extract(Source(card=parse_card(""), facts=RepositoryFacts(), repo="", file_name=file, header=header))


def test_the_texts_of_a_gguf_file_are_read(tmp_path: Path) -> None:
    path = gguf(
        tmp_path / "x.gguf",
        pair("general.architecture", "qwen_image"),
        pair("general.quantization_version", 2),
        pair("general.tags", ["ink wash", "text-to-image"]),
        pair("general.description", "Paints landscapes in ink."),
    )
    found = read(gguf_metadata(path))
    assert (found.base_model, found.short) == ("Qwen", "Paints landscapes in ink.")
    assert list(found.tags) == ["ink wash", "text-to-image"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"general.architecture": "sdxl"}, "SDXL 1.0"),
        ({"general.architecture": "sdxl", "general.name": "ponyDiffusionXL v6"}, "Pony"),
        ({"general.architecture": "wan"}, "Wan Video"),
        # one word for several models
        ({"general.architecture": "flux"}, None),
        ({"general.architecture": "lumina2"}, None),
        ({"general.architecture": "flux", "general.name": "FLUX.1 schnell"}, "Flux.1 S"),
        ({"general.architecture": "flux", f"{PARENT}.0.repo_url": "https://huggingface.co/black-forest-labs/FLUX.1-dev"},
         "Flux.1 D"),
        ({"general.architecture": "flux", f"{PARENT}.0.name": "FLUX.1 dev", f"{PARENT}.1.name": "SDXL"}, None),
        ({"general.architecture": "qwen_image", "general.name": "FLUX.1 dev"}, None),
        ({"general.architecture": "llama", "general.name": "Llama 3 8B"}, None),
    ],
)  # fmt: skip
def test_the_base_model_of_a_gguf_file_is_what_it_was_made_from_or_its_family(
    header: dict[str, str], name: str | None
) -> None:
    assert read(header).base_model == name


@pytest.mark.parametrize(
    "content",
    [
        b"", b"GGUF", b"GGUF" + struct.pack("<IQQ", 1, 0, 0), b"NOPE" + bytes(100), b"GGUF" + b"\xff" * 200,
        b"GGUF" + struct.pack("<IQQ", 3, 1, 2**63) + b"\xff" * 200,
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQ", 9, 4, 2**60),
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQ", 9, 8, 2**60),
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQ", 9, 9, 3),
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<I", 99) + bytes(50),
    ],
)  # fmt: skip
def test_a_hostile_gguf_file_says_nothing_and_does_no_harm(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    assert gguf_metadata(tmp_path / "x.gguf") == {}


def test_what_stands_before_a_damage_counts_and_a_key_with_two_values_does_not(tmp_path: Path) -> None:
    pairs = [pair("a", "1"), pair("b", "1"), pair("b", "2"), text("c") + struct.pack("<I", 77)]
    assert gguf_metadata(gguf(tmp_path / "x.gguf", *pairs)) == {"a": "1"}
    assert gguf_metadata(gguf(tmp_path / "x.gguf", pair("a", "1"), count=2**60)) == {"a": "1", **{}}
    assert gguf_metadata(gguf(tmp_path / "x.safetensors", pair("a", "1"))) == {}
    many = [pair(f"k{number}", "v") for number in range(5_000)]
    assert len(gguf_metadata(gguf(tmp_path / "x.gguf", *many))) == 500


def test_the_sidecar_of_swarmui_is_read(tmp_path: Path) -> None:
    spec = {
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.trigger_phrase": "zxq style; abc",
        "modelspec.description": "Paints herons in red ink.",
        "modelspec.tags": "ink wash, lora",
        "modelspec.lora_default_weight": "0.8",
        "modelspec.thumbnail": "data:image/jpeg;base64," + "A" * 3_000_000,
    }
    (tmp_path / "m.swarm.json").write_text(json.dumps(spec), encoding="utf-8")
    [peer] = peers_of(tmp_path / "m.safetensors")
    assert peer.strength == 0.8
    source = Source(card=parse_card(""), facts=RepositoryFacts(), repo="", file_name="m.safetensors", header={})
    found = extract(replace(source, peers=(peer,)))
    assert (found.base_model, found.trained_words, found.short) == (
        "SD 1.5",
        ["zxq style", "abc"],
        "Paints herons in red ink.",
    )


@pytest.mark.parametrize(
    ("frequency", "words"),
    [
        ({"10_zxq": {"zxq": 20, "1girl": 12, "smile": 3}}, ["zxq"]),
        ({"10_a": {"zxq": 20, "red": 20, "smile": 3}, "5_b": {"zxq": 9, "red": 9}}, ["zxq", "red"]),
        ({"10_zxq": {"a": 9, "b": 9, "c": 9, "d": 9}}, []),
        ({"10_zxq": {"a": 2}}, []),
        ({"10_zxq": {"a": "9"}}, []),
        ({"10_zxq": {"masterpiece": 9}}, []),
        ([], []),
    ],
)
def test_what_stands_in_every_caption_is_suggested_and_never_written(frequency: object, words: list[str]) -> None:
    header = {"ss_tag_frequency": json.dumps(frequency)}
    assert suggested_words(header) == words
    source = Source(card=parse_card(""), facts=RepositoryFacts(), repo="", file_name="m.safetensors", header=header)
    found = extract(source)
    assert found.trained_words is None
    told = notes(Prepared(found=found, source=source, empty=frozenset()))
    assert told.get("perhaps the words", "").endswith(", ".join(words))
