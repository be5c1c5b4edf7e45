"""A person's word: without a language model only what is understood to its last word is done, and nothing else."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentroster.library.library import Library
from agentroster.skills.bundled.enrich_hf_metadata.understanding import understand, understand_command
from agentroster.skills.understanding import Call, Outcome

AGENT = "agno/enrich-metadata"
SENTENCES = Path(__file__).parent / "sentences"
CARD = (Path(__file__).parent / "cards" / "ink_flux.md").read_text(encoding="utf-8")
FILES = (
    "bar.safetensors", "foo.safetensors", "fresh ink.safetensors", "later.safetensors", "水墨.safetensors",
    "a/twin.safetensors", "b/twin.safetensors", "pair.safetensors", "pair/one.safetensors",
    "loras/rust.safetensors", "loras/sdxl/moss.safetensors", "checkpoints/base.ckpt",
)  # fmt: skip
LANGUAGES = {"en", "zh-CN", "zh-TW", "ja", "ko", "ru", "de", "fr", "es", "he"}


def make_library(root: Path) -> Library:
    """Make small but valid model files, each with a sidecar that names its card."""
    raw = json.dumps({"__metadata__": {}}).encode()
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 16)
        sidecar = {"hf_url": "https://huggingface.co/someone/ink-wash"}
        path.with_name(f"{path.stem}.metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")
    return Library([root])


@dataclass(frozen=True)
class Sentence:
    language: str
    expected: dict[str, Any] | None
    text: str


def _read() -> Iterator[Sentence]:
    for line in (SENTENCES / "sentences.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        language, expected, text = line.split("\t")
        if expected == "-":
            yield Sentence(language, None, text)
        elif expected.startswith("{"):
            yield Sentence(language, json.loads(expected), text)
        else:
            yield Sentence(language, {"targets": expected.split(",")}, text)


TABLE = list(_read())
NOTHING = [sentence for sentence in TABLE if sentence.expected is None]


def _outcome(text: str, library: Library) -> Outcome:
    if text.startswith("/enrich "):
        return understand_command(text.removeprefix("/enrich "), library)
    return understand(text, library)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(tmp_path_factory.mktemp("words"))


def test_the_table_is_large_and_in_ten_languages() -> None:
    assert len(TABLE) >= 150
    assert len(NOTHING) >= 60
    for part in (NOTHING, [sentence for sentence in TABLE if sentence.expected]):
        assert {sentence.language for sentence in part} == LANGUAGES


@pytest.mark.parametrize("sentence", TABLE, ids=lambda sentence: sentence.text.encode("unicode_escape").decode())
def test_a_sentence_is_the_call_it_says_or_none(sentence: Sentence, library: Library) -> None:
    outcome = _outcome(sentence.text, library)
    assert (outcome.arguments if isinstance(outcome, Call) else None) == sentence.expected
