"""What is written when a part of the hub fails: for each pair of the part and the kind of repository, nothing wrong."""

import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import extract
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import Hub, HubRef, RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.errors import Unreachable
from agentroster.net.egress import Egress
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

AGENT = "agno/enrich-metadata"
FRONT = "---\nbase_model: black-forest-labs/FLUX.1-dev\nwidget:\n- output:\n    url: images/x.png\n---\n"
ADDRESS = "https://huggingface.co/a/r"


@dataclass(frozen=True)
class Kind:
    """A repository, and the files of it that stand in the library; `own` are those that the card's values are about."""

    card: str
    files: list[str]
    own: list[str]
    sidecar: dict[str, str] = field(default_factory=dict)
    only_there: list[str] = field(default_factory=list)
    """What stands in the repository and not in the library."""
    is_gated: bool = False
    is_renamed: bool = False


ABOUT = "A style of old iron and its colours.\n\nTrigger word: `rustword`\n\n![rust](images/x.png)\n"
WORD = f"# Weathered\n\n{ABOUT}"
SECTIONS = (
    "# Shelf\n\n## rust.safetensors\n\nA style of old iron and its colours.\n\nBase model: SDXL 1.0\n\n"
    "Trigger word: `rustword`\n\n![a](images/x.png)\n\n"
    "## moss.safetensors\n\nBase model: Pony Diffusion V6 XL\n\nTrigger word: `rustwort`\n"
)
RUST, MOSS, STRANGER = "rust.safetensors", "moss.safetensors", "stranger.safetensors"
PARTS = [
    "unet/diffusion_pytorch_model.bin",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
]
KINDS = {
    "one model": Kind(FRONT + WORD, [RUST], [RUST]),
    "one gated model": Kind(FRONT + WORD, [RUST], [RUST], is_gated=True),
    "one renamed model": Kind(FRONT + WORD, [RUST], [RUST], is_renamed=True),
    "steps of one model": Kind(FRONT + WORD, both := ["rust-000002.safetensors", "rust-000004.safetensors"], both),
    "one model twice quantised": Kind(FRONT + WORD, both := ["rust-Q4_K_M.gguf", "rust-Q8_0.gguf"], both),
    "one model in both forms": Kind(FRONT + WORD, both := ["rust.safetensors", "rust.bin"], both),
    "diffusers folder": Kind(FRONT + WORD, [RUST], [RUST], only_there=PARTS),
    "diffusers folder that is a shelf": Kind(FRONT + WORD, [RUST], [], only_there=["unet/moss.safetensors", *PARTS]),
    **{
        f"shelf with a neighbour in {suffix}": Kind(FRONT + WORD, [RUST], [], only_there=[f"moss{suffix}"])
        for suffix in (".bin", ".pth", ".ckpt", ".sft", ".pt", ".gguf", ".BIN")
    },
    "shelf whose card names no file": Kind(FRONT + WORD, [RUST, MOSS, "paper.safetensors"], []),
    "shelf that is gated": Kind(SECTIONS, [RUST, MOSS, STRANGER], [RUST], is_gated=True),
    "shelf that was renamed": Kind(SECTIONS, [RUST, MOSS, STRANGER], [RUST], is_renamed=True),
    "shelf whose card speaks of one file": Kind(f"# {RUST}\n\n{ABOUT}\nBase model: SDXL 1.0\n", [RUST, MOSS], [RUST]),
    "shelf with a section for each file": Kind(SECTIONS, [RUST, MOSS, STRANGER], [RUST]),
    "shelf with a table": Kind(
        "# Shelf\n\n| File | Base | Trigger |\n| --- | --- | --- |\n| rust.safetensors | SDXL 1.0 | `rustword` |\n"
        "| moss.safetensors | Illustrious-XL | `rustwort` |\n",
        [RUST, MOSS, STRANGER],
        [RUST],
    ),
    "shelf with titles only": Kind(
        FRONT
        + "# Shelf\n\n## Rust\n\nBase model: SDXL 1.0\n\nTrigger word: `rustword`\n\n## Moss\n\nTrigger: `rustwort`\n",
        [RUST, MOSS],
        [RUST],
    ),
    "shelf of names alike": Kind(
        FRONT + "# Shelf\n\n## Old Rust\n\nBase model: SDXL 1.0\n\nTrigger word: `rustword`\n",
        ["old_rust.safetensors", "old-rust.safetensors"],
        [],
    ),
    "shelf in folders": Kind(FRONT + WORD, ["one/rust.safetensors", "two/moss.safetensors"], []),
    "embedding": Kind(
        "# Cat\n\nTrigger word: `rustword`\n",
        ["learned.safetensors"],
        ["learned.safetensors"],
        sidecar={"model_type": "embedding"},
    ),
    "model with its own embedding": Kind(FRONT + WORD, [RUST, "rust_emb.safetensors"], [RUST]),
    "pivotal tuning": Kind(
        FRONT + WORD,
        [RUST, "rust_emb.safetensors", "pytorch_lora_weights.safetensors"],
        [RUST, "pytorch_lora_weights.safetensors"],
    ),
    "model beside another's embedding": Kind(FRONT + WORD, [RUST, "moss_emb.safetensors"], []),
    "model beside one of diffusers": Kind(FRONT + WORD, [RUST, "pytorch_lora_weights.safetensors"], []),
    "fine-tune of a fine-tune": Kind(
        "---\nbase_model: a/parent\n---\n# Shelf\n\n## Rust\n\nBase model: SDXL 1.0\n", [RUST, "b.pt"], []
    ),
}


async def _cut_off() -> AsyncIterator[bytes]:
    yield b'{"siblings": ['
    raise ConnectionError


STATUSES = (401, 403, 404, 429, 500, 502, 503, 504)
FAILURES: dict[str, Callable[[], Response]] = {
    **{str(status): lambda status=status: Response("no", status) for status in STATUSES},
    "broken JSON": lambda: Response('{"siblings": [{"rfilename": "rust.safe'),
    "a page": lambda: Response("\n<!DOCTYPE html><html><p>This is a page to sign in with your rustword.</html>"),
    "deep JSON": lambda: Response("[" * 100_000),
    "no list of files": lambda: JSONResponse({"id": "a/r", "tags": []}),
    "an odd list of files": lambda: JSONResponse({"siblings": [{"rfilename": "rust.safetensors"}, {"name": "moss"}]}),
    "cut off": lambda: Response(b'{"siblings": [', headers={"content-length": "500"}),
    "cut off in chunks": lambda: StreamingResponse(_cut_off()),
    "a loop": lambda: RedirectResponse("/a/r/resolve/main/README.md", 302),
    "away": lambda: RedirectResponse("https://evil.example/x", 302),
    "nothing": lambda: Response(b""),
}
NO_CARDS: dict[str, Callable[[], Response]] = {
    **{name: FAILURES[name] for name in FAILURES if name not in {"broken JSON", "deep JSON"}},
    "an error in a good status": lambda: JSONResponse({"error": "Your rustword is this sentence of an error."}),
    "a pointer": lambda: Response("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"),
    "bytes": lambda: Response(b"\x00\x01Trigger word: `rustword`"),
    "an XML error": lambda: Response("<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
}


def picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (64, 48), "red").save(written, "PNG")
    return written.getvalue()


def say(proxy: RosterProcess, text: str) -> str:
    answer = proxy.openai().chat.completions.create(model=AGENT, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


@pytest.fixture
def folder(library_root: Path, request: pytest.FixtureRequest) -> Path:
    path = library_root / hashlib.sha1(request.node.nodeid.encode()).hexdigest()[:10]
    path.mkdir()
    return path


Library = dict[str, dict[str, Path]]


def fill(folder: Path, kind: Kind, address: str = ADDRESS) -> dict[str, Path]:
    """Write the local files of a repository; return them by name."""
    models = {}
    for name in kind.files:
        # In a folder of its own, where it does not share a sidecar with another form of the model.
        models[name] = path = folder / name.replace(".", "_") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(struct.pack("<Q", 2) + b"{}")
        path.with_suffix(".metadata.json").write_text(json.dumps({"hf_url": address, **kind.sidecar}), encoding="utf-8")
    return models


def values_of(model: Path) -> dict[str, Any]:
    sidecar = json.loads(model.with_suffix(".metadata.json").read_text(encoding="utf-8"))
    values = {
        "base_model": sidecar.get("base_model"),
        "trainedWords": sidecar.get("civitai", {}).get("trainedWords"),
        "civitai.description": sidecar.get("civitai", {}).get("description"),
        "preview": model.with_suffix(".webp").exists() or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def serve(hub: HubServer, kind: Kind, repo: str = "a/r", **failing: Any) -> None:
    hub.repositories["a/parent"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Parent\n")
    images = {"images/x.png": (picture(), "image/png")}
    given = {"card": kind.card, "files": [*kind.files, *kind.only_there], "images": images, "gated": kind.is_gated}
    if kind.is_renamed:
        hub.repositories[repo] = Repository(renamed_to=f"{repo}-new")
        repo = f"{repo}-new"
    hub.repositories[repo] = Repository(**{**given, **failing})


def enrich_all(proxy: RosterProcess, hub: HubServer, folder: Path, **failing: Any) -> tuple[Library, str]:
    """Enrich the files of every kind of repository, of which a part fails; return them by kind, and the answer."""
    models: Library = {}
    for number, (name, kind) in enumerate(KINDS.items()):
        models[name] = fill(folder / f"k{number}", kind, f"https://huggingface.co/a/k{number}")
        serve(hub, kind, f"a/k{number}", **failing)
    return models, say(proxy, f"enrich {folder.parent.name}/{folder.name}/")


def values_in(models: Library) -> dict[tuple[str, str], dict[str, Any]]:
    return {(kind, name): values_of(path) for kind, files in models.items() for name, path in files.items()}


def not_its_own(models: Library) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the words, descriptions and pictures that files have of another one."""
    of_rust = {"trainedWords": ["rustword"], "preview": True}
    of_rust["civitai.description"] = "A style of old iron and its colours."
    found = {}
    for (kind, name), values in values_in(models).items():
        if name not in KINDS[kind].own:
            found[kind, name] = {key: value for key, value in values.items() if of_rust.get(key) == value}
    return {place: values for place, values in found.items() if values}


Right = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def right(offline_proxy: RosterProcess, _hub: tuple[HubServer, str], library_root: Path) -> Right:
    """What is written while the whole hub answers, by kind and file."""
    _hub[0].reset()
    folder = library_root / "whole" / "hub"
    models, _ = enrich_all(offline_proxy, _hub[0], folder)
    assert not_its_own(models) == {}
    written = values_in(models)
    for name, kind in KINDS.items():
        assert all(written[name, file].get("trainedWords") == ["rustword"] for file in kind.own), name
    return written


@pytest.mark.parametrize("failure", FAILURES)
def test_without_the_api_nothing_is_written_that_would_not_be_with_it(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, right: Right, failure: str
) -> None:
    models, answer = enrich_all(offline_proxy, hub, folder / "x", api=FAILURES[failure])
    written = values_in(models)
    wrong = {
        (*place, key): value
        for place, values in written.items()
        for key, value in values.items()
        if right[place].get(key) != value
    }
    assert wrong == {}
    assert not_its_own(models) == {}
    assert answer.count("the hub did not list the files") >= sum(len(kind.files) for kind in KINDS.values())


@pytest.mark.parametrize("failure", NO_CARDS)
def test_without_the_card_nothing_is_written(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, failure: str
) -> None:
    models, answer = enrich_all(offline_proxy, hub, folder / "x", readme=NO_CARDS[failure])
    # What the name of the repository's API entry says is no card's.
    assert {place: values for place, values in values_in(models).items() if values} == {}
    assert "rustword" not in answer


@pytest.mark.parametrize("failure", FAILURES)
def test_without_the_picture_the_other_values_are_the_same(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, right: Right, failure: str
) -> None:
    models, _ = enrich_all(offline_proxy, hub, folder / "x", picture=FAILURES[failure])
    for place, values in values_in(models).items():
        assert values == {key: value for key, value in right[place].items() if key != "preview"}, place


HEADERS = {
    "no byte": b"",
    "three bytes": b"abc",
    "a length beyond the file": struct.pack("<Q", 1 << 40) + b"{}",
    "no JSON": struct.pack("<Q", 9) + b'{"__metad',
    "a list": struct.pack("<Q", 2) + b"[]",
    "a page": b"<!DOCTYPE html><html>",
    "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "deep JSON": struct.pack("<Q", 100_000) + b"[" * 100_000,
}


@pytest.mark.parametrize("header", HEADERS)
def test_without_the_files_header_the_values_are_those_of_the_card(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, right: Right, header: str
) -> None:
    for number, kind in enumerate(KINDS.values()):
        for path in fill(folder / f"x/k{number}", kind).values():
            path.write_bytes(HEADERS[header])
    models, _ = enrich_all(offline_proxy, hub, folder / "x")
    assert values_in(models) == right


@pytest.mark.anyio
@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.RemoteProtocolError,
        httpx.ReadError,
        TimeoutError,
    ],
)
async def test_a_hub_that_does_not_answer_is_not_known(trouble: type[Exception]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise trouble("nothing")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        hub = Hub(Egress(client, ["hub.test"]), "https://hub.test")
        with pytest.raises(Unreachable):
            await hub.repository(HubRef("a/r"))


def test_what_holds_in_either_case_is_written_and_the_rest_follows_when_the_api_answers_again(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    kind = KINDS["one model"]
    [model] = fill(folder, kind).values()
    serve(hub, kind, api=FAILURES["500"])
    answer = say(offline_proxy, f"enrich {model}")
    assert values_of(model) == {"base_model": "Flux.1 D"}
    assert "Trigger words (perhaps of another file" in answer
    assert "Preview (perhaps of another file" in answer
    assert "the hub did not list the files of" in answer
    serve(hub, kind)
    say(offline_proxy, f"enrich {model}")
    assert values_of(model)["trainedWords"] == ["rustword"]
    assert values_of(model)["preview"]


def test_the_files_of_the_revision_that_the_card_is_of_decide(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    kind = KINDS["shelf whose card names no file"]
    models = fill(folder, kind)
    for model in models.values():
        fields = {"hf_url": f"{ADDRESS}/tree/v2"}
        model.with_suffix(".metadata.json").write_text(json.dumps(fields), encoding="utf-8")
    serve(hub, kind, files=["rust.safetensors"], files_at={"v2": kind.files}, revisions=("main", "v2"))
    say(offline_proxy, f"enrich {folder.name}/")
    assert "trainedWords" not in values_of(models["moss.safetensors"])
    assert "trainedWords" not in values_of(models["paper.safetensors"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_of_unknown_files_states_only_what_every_neighbourhood_allows(kind: str) -> None:
    of = KINDS[kind]
    for file in of.files:
        given: dict[str, Any] = {"card": parse_card(of.card), "repo": "a/r", "file_name": file.rsplit("/", 1)[-1]}
        given |= {"header": {}, **of.sidecar}
        found = extract(Source(facts=RepositoryFacts(unknown="x"), **given))
        for neighbours in ((), ("other.safetensors",), (f"{file.rsplit('.', 1)[0]}.ckpt", "other.safetensors")):
            known = extract(Source(facts=RepositoryFacts(weight_files=(file, *neighbours)), **given))
            for name in ("base_model", "trained_words", "preview_url", "short"):
                assert getattr(found, name) in (None, "", getattr(known, name)), (file, neighbours, name)
