"""Repositories of other shapes: cards in folders, long cards, cards in other encodings."""

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.responses import Response

from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

AGENT = "agno/enrich-metadata"
ROOT = (
    "---\nbase_model: black-forest-labs/FLUX.1-dev\ntags: [all]\n---\n# Mirror\n\nA mirror of many a model of mine.\n"
)


def about(word: str, base: str = "SDXL 1.0") -> str:
    return f"# It\n\nA style like {word} and no other.\n\nBase model: {base}\n\nTrigger word: `{word}`\n\n![a](x.png)\n"


def picture(colour: str) -> tuple[bytes, str]:
    written = BytesIO()
    Image.new("RGB", (64, 48), colour).save(written, "PNG")
    return written.getvalue(), "image/png"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, library_root: Path) -> Path:
    path = library_root / tmp_path_factory.mktemp("odd").name
    path.mkdir()
    return path


def model(folder: Path, name: str, address: str = "https://huggingface.co/a/r") -> Path:
    path = folder / name
    path.write_bytes(struct.pack("<Q", 2) + b"{}")
    path.with_suffix(".metadata.json").write_text(json.dumps({"hf_url": address}), encoding="utf-8")
    return path


def enrich(proxy: RosterProcess, target: Path) -> str:
    messages: Any = [{"role": "user", "content": f"enrich {target}"}]
    return proxy.openai().chat.completions.create(model=AGENT, messages=messages).choices[0].message.content or ""


def values_of(path: Path) -> tuple[Any, Any, Any, bool]:
    sidecar = json.loads(path.with_suffix(".metadata.json").read_text(encoding="utf-8"))
    civitai = sidecar.get("civitai", {})
    found = sidecar.get("base_model"), civitai.get("trainedWords"), civitai.get("description")
    return *found, path.with_suffix(".webp").exists()


def mirror(root: str | None = ROOT) -> Repository:
    """Return a mirror of a model site: a folder for each version of a model, with a card of its own."""
    return Repository(
        root,
        files=["12/3/rust.safetensors", "12/4/moss.safetensors", "77/1/style.safetensors", "78/1/style.safetensors"],
        folder_cards={
            "12/3/README.md": about("rustword"),
            "12/4/README.md": about("mossword", "Pony Diffusion V6 XL"),
            "77/1/README.md": about("firstword"),
            "78/1/README.md": about("secondword"),
        },
        images={"12/3/x.png": picture("red"), "12/4/x.png": picture("green"), "78/1/x.png": picture("blue")},
    )


@pytest.mark.parametrize("root", [ROOT, None])
def test_a_card_in_the_files_own_folder_is_the_files_card(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, root: str | None
) -> None:
    hub.repositories["a/r"] = mirror(root)
    rust, moss = model(folder, "rust.safetensors"), model(folder, "moss.safetensors")
    enrich(offline_proxy, folder)
    assert values_of(rust) == ("SDXL 1.0", ["rustword"], "A style like rustword and no other.", True)
    assert values_of(moss) == ("Pony", ["mossword"], "A style like mossword and no other.", True)
    red, green = (Image.open(path.with_suffix(".webp")).convert("RGB").getpixel((9, 9)) for path in (rust, moss))
    assert isinstance(red, tuple)
    assert isinstance(green, tuple)
    assert (red[0] > 200, red[1] < 50) == (True, True)
    assert (green[0] < 50, green[1] > 100) == (True, True)


def test_of_two_files_of_one_name_the_address_decides_and_without_it_nobody(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/r"] = mirror()
    (folder / "other").mkdir()
    unclear = model(folder, "style.safetensors")
    clear = model(folder / "other", "style.safetensors", "https://huggingface.co/a/r/blob/main/78/1/style.safetensors")
    enrich(offline_proxy, folder)
    assert values_of(unclear)[1:] == (None, None, False)
    assert values_of(clear) == ("SDXL 1.0", ["secondword"], "A style like secondword and no other.", True)


def test_without_a_card_for_all_a_file_without_one_of_its_own_has_none(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/r"] = mirror(None)
    unclear = model(folder, "style.safetensors")
    assert "has no model card" in enrich(offline_proxy, unclear)
    assert values_of(unclear) == (None, None, None, False)


def test_a_folder_whose_card_cannot_be_had_now_gets_nothing_from_the_card_for_all(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/r"] = mirror()
    rust = model(folder, "rust.safetensors")

    async def trouble(_: int, path: str) -> Any:
        return Response("slow down", 429) if path.endswith("12/3/README.md") else None

    hub.trouble = trouble
    assert "slow down" in enrich(offline_proxy, rust)
    assert values_of(rust) == (None, None, None, False)
    hub.trouble = None
    enrich(offline_proxy, rust)
    assert values_of(rust)[1] == ["rustword"]


def test_two_models_in_one_folder_share_its_card_as_a_shelf_does(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    repository = mirror()
    repository.files += ["12/3/paper.bin"]
    hub.repositories["a/r"] = repository
    rust = model(folder, "rust.safetensors")
    enrich(offline_proxy, rust)
    assert values_of(rust)[1] is None


LONG = "Words about this and that, which go on and on without an end in sight.\n" * 40_000


def test_a_card_of_more_than_two_megabytes_is_read_from_its_beginning(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    hub.repositories["a/r"] = Repository(about("rustword") + LONG, files=["rust.safetensors"])
    rust = model(folder, "rust.safetensors")
    enrich(offline_proxy, rust)
    assert values_of(rust)[:2] == ("SDXL 1.0", ["rustword"])


@pytest.mark.parametrize("limit", [600_000, 2_000_000])
def test_a_word_that_the_end_of_a_long_card_cuts_is_not_taken(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, limit: int
) -> None:
    label = "Trigger word: rustword\n"
    room = limit - len(label) + len("word\n")
    # One line, so that the limit of lines is not what cuts it.
    card = f"{'x' * (room - 2)}\n\n"[-room:] + label + LONG
    assert card[:limit].endswith("Trigger word: rust")
    hub.repositories["a/r"] = Repository(card, files=["rust.safetensors"])
    rust = model(folder, "rust.safetensors")
    enrich(offline_proxy, rust)
    assert values_of(rust)[1] is None
    assert "rust" not in parse_card(card).body[-300:]


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "cp1251", "gb18030", "shift_jis", "euc-kr", "utf-16", "utf-8"]
)
def test_what_cannot_be_read_in_a_card_is_never_written(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, encoding: str
) -> None:
    odd = {"cp1251": "ржавый", "gb18030": "铁锈", "shift_jis": "さび", "euc-kr": "녹슨", "utf-8": "é\udc80"}.get(
        encoding, "fée"
    )
    text = (
        f"---\nbase_model: black-forest-labs/FLUX.1-dev\ntags: [{odd}, ink]\n---\n# It\n\nA style of {odd} and ink.\n"
    )
    is_known = encoding in {"utf-16", "latin-1", "cp1252", "cp1251"}
    card = f"{text}\nTrigger word: `{odd}`\n".encode(encoding, errors="surrogateescape")
    hub.repositories["a/r"] = Repository(card, files=["rust.safetensors"])
    rust = model(folder, "rust.safetensors")
    enrich(offline_proxy, rust)
    sidecar = json.loads(rust.with_suffix(".metadata.json").read_text(encoding="utf-8"))
    assert sidecar["base_model"] == "Flux.1 D"
    assert sidecar["tags"] == ([odd, "ink"] if is_known else ["ink"])
    assert values_of(rust)[1] == ([odd] if is_known else None)
    written = json.dumps([sidecar["tags"], sidecar.get("civitai")], ensure_ascii=False)
    assert "\ufffd" not in written
