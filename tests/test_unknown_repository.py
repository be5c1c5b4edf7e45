"""What is written when a part of the hub fails: for each pair of the part and the kind of repository, nothing wrong."""

import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.responses import JSONResponse, Response, StreamingResponse

from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import extract
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

AGENT = "agno/enrich-metadata"
FRONT = "---\nbase_model: black-forest-labs/FLUX.1-dev\nwidget:\n- output:\n    url: images/x.png\n---\n"
ADDRESS = "https://huggingface.co/a/r"


@dataclass(frozen=True)
class Kind:
    """A repository, and the files of it that stand in the library."""

    card: str
    files: list[str]
    sidecar: dict[str, str] = field(default_factory=dict)


WORD = "# Rust\n\nA style of old iron and its colours.\n\nTrigger word: `rustword`\n\n![rust](images/x.png)\n"
KINDS = {
    "one model": Kind(FRONT + WORD, ["rust.safetensors"]),
    "steps of one model": Kind(FRONT + WORD, ["rust-000002.safetensors", "rust-000004.safetensors"]),
    "shelf whose card names no file": Kind(FRONT + WORD, [f"{n}.safetensors" for n in ("rust", "moss", "paper")]),
    "shelf whose card speaks of one file": Kind(
        f"# rust.safetensors\n\n{WORD}\nBase model: SDXL 1.0\n", ["rust.safetensors", "moss.safetensors"]
    ),
    "shelf with a section for each file": Kind(
        "# Shelf\n\n## rust.safetensors\n\nBase model: SDXL 1.0\n\nTrigger word: `rustword`\n\n![a](images/x.png)\n\n"
        "## moss.safetensors\n\nBase model: Pony Diffusion V6 XL\n\nTrigger word: `mossword`\n",
        ["rust.safetensors", "moss.safetensors", "stranger.safetensors"],
    ),
    "shelf with a table": Kind(
        "# Shelf\n\n| File | Base | Trigger |\n| --- | --- | --- |\n| rust.safetensors | SDXL 1.0 | `rustword` |\n"
        "| moss.safetensors | Illustrious-XL | `mossword` |\n",
        ["rust.safetensors", "moss.safetensors", "stranger.safetensors"],
    ),
    "shelf with titles only": Kind(
        FRONT
        + "# Shelf\n\n## Rust\n\nBase model: SDXL 1.0\n\nTrigger word: `rustword`\n\n## Moss\n\nTrigger: `mossy`\n",
        ["rust.safetensors", "moss.safetensors"],
    ),
    "shelf of names alike": Kind(
        FRONT + "# Shelf\n\n## Old Rust\n\nBase model: SDXL 1.0\n\nTrigger word: `rustword`\n",
        ["old_rust.safetensors", "old-rust.safetensors"],
    ),
    "shelf in folders": Kind(FRONT + WORD, ["one/rust.safetensors", "two/moss.safetensors"]),
    "embedding": Kind(
        "# Cat\n\nTrigger word: `<cat-toy>`\n", ["learned.safetensors"], sidecar={"model_type": "embedding"}
    ),
    "model with its own embedding": Kind(FRONT + WORD, ["rust.safetensors", "rust_emb.safetensors"]),
    "fine-tune of a fine-tune": Kind(
        "---\nbase_model: a/parent\n---\n# Shelf\n\n## Rust\n\nBase model: SDXL 1.0\n", ["rust.safetensors", "b.pt"]
    ),
}


async def _cut_off() -> AsyncIterator[bytes]:
    yield b'{"siblings": ['
    raise ConnectionError


FAILURES: dict[str, Callable[[], Response]] = {
    **{str(status): lambda status=status: Response("no", status) for status in (401, 403, 404, 429, 500, 502, 503)},
    "broken JSON": lambda: Response('{"siblings": [{"rfilename": "rust.safe'),
    "a page": lambda: Response("<html>Sign in</html>"),
    "deep JSON": lambda: Response("[" * 100_000),
    "no list of files": lambda: JSONResponse({"id": "a/r", "tags": []}),
    "an odd list of files": lambda: JSONResponse({"siblings": [{"rfilename": "rust.safetensors"}, {"name": "moss"}]}),
    "cut off": lambda: StreamingResponse(_cut_off()),
    "nothing": lambda: Response(b""),
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


Right = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def right() -> Right:
    """What is written while the whole hub answers, by kind and file."""
    return {}


def fill(folder: Path, kind: Kind) -> dict[str, Path]:
    """Write the local files of a repository; return them by name."""
    models = {}
    for name in kind.files:
        models[name] = path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", 2) + b"{}")
        path.with_suffix(".metadata.json").write_text(json.dumps({"hf_url": ADDRESS, **kind.sidecar}), encoding="utf-8")
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


def serve(hub: HubServer, kind: Kind, **failing: Any) -> None:
    hub.repositories["a/parent"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Parent\n")
    images = {"images/x.png": (picture(), "image/png")}
    hub.repositories["a/r"] = Repository(**{"card": kind.card, "files": kind.files, "images": images, **failing})


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", KINDS)
def test_without_the_api_nothing_is_written_that_would_not_be_with_it(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, right: Right, kind: str, failure: str
) -> None:
    if kind not in right:
        known = fill(folder / "known", KINDS[kind])
        serve(hub, KINDS[kind])
        say(offline_proxy, f"enrich {folder.name}/known/")
        right[kind] = {name: values_of(model) for name, model in known.items()}
    unknown = fill(folder / "unknown", KINDS[kind])
    serve(hub, KINDS[kind], api=FAILURES[failure])
    answer = say(offline_proxy, f"enrich {folder.name}/unknown/")
    for name, model in unknown.items():
        assert {key: value for key, value in values_of(model).items() if right[kind][name].get(key) != value} == {}
    assert "the hub did not list the files" in answer


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize("kind", KINDS)
def test_without_the_card_nothing_is_written(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, kind: str, status: int
) -> None:
    models = fill(folder, KINDS[kind])
    serve(hub, KINDS[kind], status=status)
    say(offline_proxy, f"enrich {folder.name}/")
    assert not any(values_of(model) for model in models.values())


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_picture_the_other_values_are_the_same(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, kind: str
) -> None:
    whole, bare = (fill(folder / name, KINDS[kind]) for name in ("whole", "bare"))
    serve(hub, KINDS[kind])
    say(offline_proxy, f"enrich {folder.name}/whole/")
    serve(hub, KINDS[kind], images={})
    say(offline_proxy, f"enrich {folder.name}/bare/")
    for name, model in bare.items():
        assert values_of(model) == {key: value for key, value in values_of(whole[name]).items() if key != "preview"}


def test_what_holds_in_either_case_is_written_and_the_rest_follows_when_the_api_answers_again(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    kind = KINDS["one model"]
    [model] = fill(folder, kind).values()
    serve(hub, kind, api=FAILURES["500"])
    answer = say(offline_proxy, f"enrich {model}")
    assert values_of(model) == {"base_model": "Flux.1 D", "civitai.description": "A style of old iron and its colours."}
    assert "trainedWords (perhaps of another file" in answer
    assert "preview_url (perhaps of another file" in answer
    assert "(status 500" in answer
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
