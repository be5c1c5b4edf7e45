"""A person's word: without a language model only what is understood to its last word is done, and nothing else."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pytest

from agentroster.builtin.skills.enrich_hf_metadata.understanding.message import understand, understand_command
from agentroster.builtin.skills.enrich_hf_metadata.understanding.targets import resolve
from agentroster.identity.caller import ANONYMOUS
from agentroster.library.library import Library
from agentroster.runs import commands
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill, load_skill
from agentroster.skills.skeleton import write_skeleton
from agentroster.skills.sources import folder_source
from agentroster.skills.understanding import Call, Outcome, Refusal
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.word_library import FILES, SENTENCES, make_library, snapshot

AGENT = "agno/enrich-metadata"
CARD = (Path(__file__).parent / "cards" / "ink_flux.md").read_text(encoding="utf-8")
LANGUAGES = {"en", "zh-CN", "zh-TW", "ja", "ko", "ru", "de", "fr", "es", "he"}


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


@pytest.mark.parametrize(
    "text", ["hello", "What is the weather?", "script: say hi", "👋", "x" * 5000, "tell me a joke"]
)
def test_a_message_about_something_else_is_left_to_others(text: str, library: Library) -> None:
    assert understand(text, library) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Do not enrich bar.safetensors.", "“Do not”"),
        ("What is the base model of bar.safetensors?", "needs a language model"),
        ("delete bar.safetensors", "“delete”"),
        ("enrich my great lora", "“great”"),
        ("enrich everything?", "question"),
        ("if it is flux, enrich bar.safetensors", "“if”"),
        ("enrich everything except nowhere.safetensors", "nowhere.safetensors is not in the library"),
        ("enrich everything except the good ones", "what “except” leaves out"),
        ("enrich twin", "a/twin.safetensors, b/twin.safetensors"),
        ("enrich pair", "pair/, pair.safetensors"),
        ("enrich bar.safetensors --force", "no option --force"),
        ("enrich bar.safetensors and overwrite the tags", "base_model, trainedWords"),
        ("bar.safetensors", "say: enrich bar.safetensors"),
        ("enrich my models", "“my models”"),
        ("enrich please", "name a file or a folder, or say everything"),
        ("enrich bar.safetensors and foo.safetensors from https://huggingface.co/a/b", "one file only"),
        ("Lösche bar.safetensors", "“Lösche”"),
        ("не обогащай bar.safetensors", "“не”"),
        ("不要补全bar.safetensors", "“不要”"),
        ("/enrich smal", "Usage: `/enrich everything"),
        ("/enrich bar.safetensors --force", "no option --force"),
    ],
)
def test_what_is_not_done_is_said_with_its_reason(text: str, words: str, library: Library) -> None:
    outcome = _outcome(text, library)
    assert isinstance(outcome, Refusal)
    assert "I did nothing" in outcome.sentence
    assert words in outcome.sentence


def _blind() -> Iterator[tuple[str, str, list[str], bool]]:
    """Yield sentences that somebody wrote who had not seen the grammar: text, what it must do, models, exception."""
    for line in (SENTENCES / "blind.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["text"], row["must"], row.get("targets", []), row["note"] == "exception"


BLIND_FILES = (
    "bar.safetensors", "ink.safetensors", "my great lora.safetensors", "flux/neon_city.safetensors",
    "flux/neon_city_v2.safetensors", "sdxl/old.ckpt", "sdxl/portrait.safetensors",
)  # fmt: skip


def test_of_sentences_by_somebody_else_none_writes_that_must_not(tmp_path: Path) -> None:
    for name in BLIND_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    library, understood, wanted = Library([tmp_path]), 0, 0
    for text, must, names, is_exception in _blind():
        outcome = _outcome(text, library)
        arguments = outcome.arguments if isinstance(outcome, Call) and "dry_run" not in outcome.arguments else None
        targets, refused = resolve(arguments, library, "https://huggingface.co") if arguments else ([], [])
        written = {target.model.name for target in targets if target.model}
        expected = set(BLIND_FILES) if names == ["everything"] else set(names)
        if is_exception and written:
            # An exception may also be honoured, to the letter.
            expected = set(BLIND_FILES) - {"sdxl/old.ckpt"}
            assert not refused
        if must == "nothing":
            assert written in (set(), expected if is_exception else set()), text
        else:
            assert written in (set(), expected), text
            wanted, understood = wanted + 1, understood + (written == expected)
    assert understood >= 0.85 * wanted


def test_a_name_that_looks_like_a_sentence_is_never_read_as_one_or_into_one(tmp_path: Path) -> None:
    library = make_library(tmp_path)
    for name in (
        "but foo.safetensors",
        "great.ckpt",
        "everything except bar.safetensors",
        "everything.ckpt",
        "not.ckpt",
    ):
        (tmp_path / name).write_bytes(b"x")
    assert understand("enrich everything but foo.safetensors", library) == Call(
        {"targets": ["everything"], "exclude": ["foo.safetensors"]}
    )
    assert understand("enrich everything except bar.safetensors", library) == Call(
        {"targets": ["everything"], "exclude": ["bar.safetensors"]}
    )
    for text in ("enrich not", "enrich bar.safetensors not", "enrich great bar.safetensors", "enrich my great lora"):
        assert isinstance(understand(text, library), Refusal), text
    assert understand("enrich 'everything.ckpt'", library) == Call({"targets": ["everything.ckpt"]})


def test_a_library_of_several_roots_never_takes_one_model_for_another(tmp_path: Path) -> None:
    for path in ("one/m.pt", "two/m.pt", "two/one/m.pt", "two/x.pt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
    library = Library([tmp_path / "one", tmp_path / "two"])
    assert [model.path for model in library.find("one/m.pt")] == [tmp_path / "one" / "m.pt"]
    assert [model.path for model in library.find("two/one/m.pt")] == [tmp_path / "two" / "one" / "m.pt"]
    outcome = understand("enrich m.pt", library)
    assert isinstance(outcome, Refusal)
    assert "one/m.pt, two/m.pt" in outcome.sentence
    assert understand("enrich x", library) == Call({"targets": ["two/x.pt"]})


def _skill(folder: Path, name: str, understood: str) -> Skill:
    """Return a skill with a function of its own that understands whatever is said."""
    made = write_skeleton(folder, name, "tools")
    handler = made / "handler.py"
    source = f"""
from agentroster.skills.understanding import Call, Refusal

def understand(text, library):
    return {understood}
"""
    handler.write_text(handler.read_text(encoding="utf-8") + source, encoding="utf-8")
    return load_skill(folder_source(made, "test"))


def test_a_skill_may_give_a_dict_a_call_a_refusal_or_none_and_whoever_understands_is_asked(tmp_path: Path) -> None:
    context = SkillContext(skill="any", caller=ANONYMOUS, _capabilities={"library": Library([])})

    def context_of(_skill: Skill) -> SkillContext:
        return context

    refusing = _skill(tmp_path, "refusing", "Refusal('no')")
    other = _skill(tmp_path, "other", "None")
    for name, understood in (("plain", "{'who': 'Ada'}"), ("calling", "Call({'who': 'Ada'})")):
        skill = _skill(tmp_path, name, understood)
        found = commands.understand("greet Ada", [other, refusing, skill], context_of)
        assert isinstance(found, commands.Invocation)
        assert (found.skill, found.arguments) == (skill, {"who": "Ada"})
    assert commands.understand("greet Ada", [other, refusing], context_of) == Refusal("no")
    assert commands.find_command("/refusing Ada", [refusing], context_of) == Refusal("no")
    assert commands.understand("greet Ada", [other], context_of) is None


@pytest.mark.parametrize("understood", ["[1]", "True", "1 / 0"])
def test_a_skill_that_fails_to_understand_does_nothing_and_says_so(tmp_path: Path, understood: str) -> None:
    broken = _skill(tmp_path, "broken", understood)
    context = SkillContext(skill="any", caller=ANONYMOUS, _capabilities={"library": Library([])})
    found = commands.understand("greet Ada", [broken], lambda _skill: context)
    assert isinstance(found, Refusal)
    assert found.sentence.startswith("I did nothing: Broken failed")


PARTS = ("enrich everything ", "bar.safetensors ", "a", "enrich,", "'", "https://a,", "补全", "/", "(", "fresh ink ")


@pytest.mark.parametrize("part", PARTS)
def test_the_time_for_a_long_message_grows_no_faster_than_its_length(part: str, library: Library) -> None:
    def seconds(characters: int) -> float:
        text = (part * (characters // len(part) + 1))[:characters]
        began = time.process_time()
        understand(f"enrich {text}", library)
        understand_command(text, library)
        return time.process_time() - began

    seconds(100)  # what is loaded once is loaded
    # Nine times the length: a quadratic reading would take 81 times as long.
    assert seconds(9000) < 36 * max(seconds(1000), 0.02)
    assert seconds(1_000_000) < 10 * max(seconds(9000), 0.2), "a million characters are not even tried"
    assert not isinstance(understand(f"enrich {part * 1_000_000}"[:1_000_000], library), Call)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library that belongs to these tests alone."""
    root = tmp_path_factory.mktemp("shelf")
    make_library(root)
    return root


@pytest.fixture(scope="module")
def word_proxy(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str], shelf: Path
) -> Iterator[RosterProcess]:
    environment = {**base_environment, "ROSTER_LIBRARY": str(shelf)}
    process = RosterProcess(tmp_path_factory.mktemp("word"), environment).start()
    yield process
    process.stop()


def say(proxy: RosterProcess, text: str) -> str:
    answer = proxy.openai().chat.completions.create(model=AGENT, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def _written_by(arguments: dict[str, Any]) -> set[str]:
    """Return the files whose sidecars a call may change, found without the code under test."""

    def files(target: str) -> set[str]:
        if target == "everything":
            return set(FILES)
        return {name for name in FILES if name == target or name.startswith(f"{target.rstrip('/')}/")}

    if arguments.get("dry_run"):
        return set()
    found = {name for target in arguments["targets"] for name in files(target)}
    kind = {"lora": "loras/", "checkpoint": "checkpoints/"}.get(arguments.get("model_type", ""), "")
    left_out = {name for target in arguments.get("exclude", ()) for name in files(target)}
    return {name for name in found - left_out if name.startswith(kind)}


def test_what_must_do_nothing_changes_no_file_through_the_proxy(
    word_proxy: RosterProcess, hub: HubServer, shelf: Path
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(CARD)
    hub.repositories["a/b"] = Repository(CARD)
    before = snapshot(shelf)
    for sentence in NOTHING:
        answer = say(word_proxy, sentence.text)
        assert snapshot(shelf) == before, sentence.text
        assert "I did nothing" in answer or "No language model" in answer, sentence.text
        assert "1 changed" not in answer
    assert hub.paths == [], "nothing was even asked for"


def test_what_is_asked_for_and_nothing_else_is_written_through_the_proxy(
    word_proxy: RosterProcess, hub: HubServer, shelf: Path
) -> None:
    for name in ("someone/ink-wash", "a/B", "a/b"):
        hub.repositories[name] = Repository(CARD)
    for sentence in TABLE:
        if sentence.expected is None or hashlib.sha1(sentence.text.encode()).digest()[0] % 3:
            continue
        make_library(shelf)
        before = snapshot(shelf)
        answer = say(word_proxy, sentence.text)
        after = snapshot(shelf)
        changed = {name for name in after if after[name][0] != before.get(name, (b"", 0))[0]}
        expected = {str(PurePath(name).with_suffix(".metadata.json")) for name in _written_by(sentence.expected)}
        assert changed == expected, f"{sentence.text}\n{answer}"


def test_a_dry_run_shows_what_would_be_set_and_writes_nothing(
    word_proxy: RosterProcess, hub: HubServer, shelf: Path
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(CARD)
    make_library(shelf)
    (shelf / "bare.safetensors").write_bytes((shelf / "bar.safetensors").read_bytes())
    before = snapshot(shelf)
    answer = say(word_proxy, "enrich bar.safetensors, dry run")
    assert "Base model: Flux.1 D" in answer
    assert "Dry run: nothing written" in answer
    assert "0 changed" in answer
    told = say(word_proxy, "/enrich bare.safetensors from https://huggingface.co/someone/ink-wash --dry-run")
    assert "Sidecar: made from the file" in told
    with word_proxy.http() as client:
        arguments = {"targets": ["bar.safetensors"], "dry_run": True}
        job = client.post("/roster/api/skills/enrich-hf-metadata/execute", json=arguments).json()
        events = client.get(f"/roster/api/jobs/{job['job_id']}/events").text
    assert "Flux.1 D" in events
    assert snapshot(shelf) == before
    (shelf / "bare.safetensors").unlink()


def test_who_leaves_out_a_file_leaves_out_the_sidecar_it_shares(
    word_proxy: RosterProcess, hub: HubServer, shelf: Path
) -> None:
    hub.repositories["someone/ink-wash"] = Repository(CARD)
    make_library(shelf)
    (shelf / "bar.gguf").write_bytes(b"x")
    before = (shelf / "bar.metadata.json").read_bytes()
    say(word_proxy, "enrich everything except bar.gguf")
    (shelf / "bar.gguf").unlink()
    assert (shelf / "bar.metadata.json").read_bytes() == before
    assert b"Flux.1 D" in (shelf / "foo.metadata.json").read_bytes()
