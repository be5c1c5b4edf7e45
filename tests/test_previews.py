"""Preview pictures: what a card shows becomes a small still picture beside the model, or a reason why not."""

import hashlib
import json
import multiprocessing
import os
import random
import resource
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from PIL import Image, ImageDraw

from agentroster.builtin.skills.enrich_hf_metadata.applying.picture_cache import PictureCache
from agentroster.builtin.skills.enrich_hf_metadata.applying.previews import Preview, download, make_preview
from agentroster.db.database import Database
from agentroster.errors import NotAllowed, ToolFailed
from agentroster.identity.caller import ANONYMOUS, Caller
from agentroster.library.library import Library, ModelFile
from agentroster.library.picture import as_preview
from agentroster.library.preview import Previews
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.settings.settings import load_settings
from agentroster.skills.access import SkillAccess, openers_of
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import SkillRegistry
from tests.support.deployment import OPENWEBUI_KEY
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import TOKEN, HubServer, Repository

AGENT = "agno/enrich-metadata"
PERSON = Caller(user="anna", proof="own_key")
PICTURE = "images/heron.png"
SECRET_PLACE = "Canary Lane 7"


def say(proxy: RosterProcess, text: str, key: str | None = None) -> str:
    answer = proxy.openai(key).chat.completions.create(model=AGENT, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def card(url: str = PICTURE) -> str:
    return (
        f"---\nbase_model: black-forest-labs/FLUX.1-dev\nwidget:\n- output:\n    url: {json.dumps(url)}\n---\n# Ink\n"
    )


def picture(kind: str = "PNG", size: tuple[int, int] = (960, 640), mode: str = "RGB", **options: Any) -> bytes:
    """A picture: red on the left, blue on the right."""
    image = Image.new(mode, size, "red")
    ImageDraw.Draw(image).rectangle((size[0] // 2, 0, *size), fill="blue")
    written = BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def exif(orientation: int = 1) -> bytes:
    """Where and with what a picture was made."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = SECRET_PLACE
    tags.get_ifd(0x8825)[29] = "2026:01:01"
    tags.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return tags.tobytes()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is huge."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content), formats=["WEBP"])
    image.load()
    return image


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return cast("tuple[int, ...]", image.getpixel((x, y)))


def is_red(colour: tuple[int, ...]) -> bool:
    return colour[0] > 200 and colour[2] < 60


@pytest.fixture
def folder(library_root: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own in the shared library."""
    path = library_root / hashlib.sha1(request.node.nodeid.encode()).hexdigest()[:10]
    path.mkdir()
    return path


def lora(folder: Path, **sidecar: object) -> Path:
    """Write a small model file and a sidecar that knows its repository."""
    path = folder / "ink.safetensors"
    path.write_bytes(struct.pack("<Q", 2) + b"{}")
    fields = {"hf_url": "https://huggingface.co/a/ink", "preview_nsfw_level": 0, **sidecar}
    path.with_suffix(".metadata.json").write_text(json.dumps(fields), encoding="utf-8")
    return path


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.with_suffix(".metadata.json").read_text(encoding="utf-8"))


def shows(hub: HubServer, content: bytes, content_type: str = "image/png", url: str = PICTURE) -> None:
    """Let the hub have a repository whose card shows this picture."""
    hub.repositories["a/ink"] = Repository(card(url), images={PICTURE: (content, content_type)})


def fetched_pictures(hub: HubServer) -> list[str]:
    return [path for path in hub.paths if "/resolve/" in path and not path.endswith("README.md")]


def assert_only_the_preview_is_missing(model: Path, answer: str, reason: str) -> None:
    assert f"Preview ({reason}" in answer
    assert read(model)["base_model"] == "Flux.1 D", "the rest of the item is done"
    assert "preview_url" not in read(model)
    assert {path.name for path in model.parent.iterdir()} == {"ink.safetensors", "ink.metadata.json"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_picture_of_a_card_becomes_a_small_still_webp_without_metadata(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, kind: str
) -> None:
    content = picture(kind, exif=exif(), icc_profile=b"profile of a canary", xmp=b"<x:canary/>")
    assert SECRET_PLACE.encode() in content
    shows(hub, content, f"image/{kind.lower()}; charset=binary")
    model = lora(folder, preview_nsfw_level=4)
    answer = say(offline_proxy, f"enrich {model}")
    written = (folder / "ink.webp").read_bytes()
    image = opened(written)
    assert image.size == (480, 320)
    assert is_red(pixel(image, 10, 10))
    assert not is_red(pixel(image, 470, 10))
    for trace in (SECRET_PLACE.encode(), b"canary", b"EXIF", b"ICCP", b"XMP "):
        assert trace not in written
    assert not image.getexif()
    assert read(model)["preview_url"] == (folder / "ink.webp").as_posix()
    assert read(model)["preview_nsfw_level"] == 4, "unknown is not the same as safe"
    assert (folder / "ink.webp").stat().st_mode & 0o777 == 0o644
    assert "Preview: ink.webp" in answer
    assert str(folder) not in answer
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("content_type", ["application/octet-stream", "binary/octet-stream; charset=binary", ""])
def test_a_picture_of_no_type_is_known_by_its_content(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, content_type: str
) -> None:
    shows(hub, picture(), content_type)
    say(offline_proxy, f"enrich {lora(folder)}")
    assert opened((folder / "ink.webp").read_bytes()).size == (480, 320)


def test_a_second_run_fetches_and_changes_nothing(offline_proxy: RosterProcess, hub: HubServer, folder: Path) -> None:
    shows(hub, picture())
    model = lora(folder)
    say(offline_proxy, f"enrich {model}")
    before = [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]
    hub.paths.clear()
    assert "0 changed, 1 unchanged" in say(offline_proxy, f"enrich {model}")
    assert [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.iterdir())] == before
    assert not fetched_pictures(hub)


def test_a_preview_alone_is_stamped_like_any_other_field(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    shows(hub, picture())
    model = lora(folder, base_model="SD 1.5", modelDescription="mine")
    assert "1 changed" in say(offline_proxy, f"enrich {model}")
    assert read(model)["metadata_source"] == "agent:enrich_hf_metadata"
    assert read(model)["base_model"] == "SD 1.5"


def test_what_is_transparent_stays_so() -> None:
    image = opened(as_preview(picture(mode="RGBA")))
    assert image.size == (480, 320)
    written = BytesIO()
    Image.new("RGBA", (960, 640), (255, 0, 0, 0)).save(written, "PNG")
    assert opened(as_preview(written.getvalue())).convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_an_animation_becomes_its_first_picture() -> None:
    frames = [Image.new("RGB", (960, 640), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP"):
        written = BytesIO()
        frames[0].save(written, kind, save_all=True, append_images=frames[1:])
        image = opened(as_preview(written.getvalue()))
        assert getattr(image, "n_frames", 1) == 1
        assert is_red(pixel(image, 240, 160)), kind


def test_a_small_picture_is_not_made_larger() -> None:
    assert opened(as_preview(picture(size=(64, 48)))).size == (64, 48)


@pytest.mark.parametrize(("orientation", "corner"), [(6, (10, 10)), (8, (10, 710)), (3, (470, 10))])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_taken_sideways_is_turned_upright(kind: str, orientation: int, corner: tuple[int, int]) -> None:
    image = opened(as_preview(picture(kind, size=(1920, 1280), exif=exif(orientation))))
    assert image.size == ((480, 320) if orientation == 3 else (480, 720))
    assert is_red(pixel(image, *corner))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_way_to_hold_colours_is_read(mode: str) -> None:
    written = BytesIO()
    grey = Image.new("I;16", (960, 640), 32768) if mode == "I;16" else Image.new("L", (960, 640), 128).convert(mode)
    grey.save(written, "JPEG" if mode == "CMYK" else "PNG")
    image = opened(as_preview(written.getvalue())).convert("RGB")
    assert image.size == (480, 320)
    assert mode == "1" or 100 < pixel(image, 5, 5)[0] < 150


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        pytest.param(b"<!DOCTYPE html><h1>Sign in</h1>", "image/png", "this is not a PNG, JPEG", id="HTML"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml", "this is not a PNG", id="SVG"),
        pytest.param(b"<!DOCTYPE html><h1>x</h1>", "application/octet-stream", "this is not a PNG", id="bytes"),
        pytest.param(picture(), "application/octet-streamer", "what the card points to is not a", id="odd type"),
        pytest.param(picture(), "text/html", "what the card points to is not a picture", id="wrong type"),
        pytest.param(picture(), "video/quicktime", "what the card points to is not a picture", id="another video"),
        pytest.param(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x09moov", "video/mp4", "this is not a PNG", id="cut video"),
        pytest.param(picture()[:-200], "image/png", "the picture is damaged", id="truncated PNG"),
        pytest.param(picture("JPEG")[:1500], "image/jpeg", "the picture is damaged", id="truncated JPEG"),
        pytest.param(picture("WEBP")[:-100], "image/webp", "the picture is damaged", id="truncated WebP"),
        pytest.param(picture("GIF")[:-300], "image/gif", "the picture is damaged", id="truncated GIF"),
        pytest.param(bomb(50_000, 50_000), "image/png", "the picture has more than 50 million pixels", id="bomb"),
        pytest.param(bomb(7_000, 8_000), "image/png", "the picture has more than 50 million pixels", id="small bomb"),
        pytest.param(picture(size=(2, 40_000)), "image/png", "the picture is too long and thin", id="a line"),
        pytest.param(picture() + bytes(21_000_000), "image/png", "127.0.0.1 sent more than", id="21 MB"),
        pytest.param(b"", "image/png", "this is not a PNG", id="nothing"),
    ],
)
def test_what_is_no_usable_picture_is_said_and_the_rest_is_done(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, content: bytes, content_type: str, reason: str
) -> None:
    shows(hub, content, content_type)
    model = lora(folder)
    assert_only_the_preview_is_missing(model, say(offline_proxy, f"enrich {model}"), reason)


def test_a_picture_that_would_take_long_to_draw_is_refused() -> None:
    content = picture("JPEG", progressive=True)
    assert opened(as_preview(content)).width == 480
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    with pytest.raises(ToolFailed, match="too long"):
        as_preview(content[:-2] + last_scan * 5_000 + b"\xff\xd9")
    with pytest.raises(ToolFailed, match="larger than 20 MB"):
        as_preview(content + bytes(20_000_000))


def overlapping_tags(size: int, tags: int) -> bytes:
    """EXIF in which each of many tags is as large as the whole."""
    entries = b"".join(struct.pack("<HHLL", 0x8000 + number, 7, size - 14, 8) for number in range(tags))
    return (b"Exif\0\0II*\0" + struct.pack("<LH", 8, tags) + entries).ljust(size, b"\0")


def stuffed(kind: str) -> bytes:
    """A good picture with metadata that would take minutes or gigabytes to read."""
    content = picture(kind)
    if kind == "JPEG":
        exif = overlapping_tags(15_000_000, 3_000)
        pieces = [exif[:60_000], *(b"Exif\0\0" + exif[at : at + 60_000] for at in range(60_000, len(exif), 60_000))]
        segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces)
        # Without JFIF in front, Pillow looks for the resolution in the EXIF.
        return content[:2] + segments + content[20:]
    if kind == "GIF":
        comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * 70_000 + b"\0"
        start = content.index(b"\x2c", 13 + (3 << (content[10] & 7) + 1))
        return content[:start] + comment + content[start:]
    if kind == "WEBP":
        return picture(kind, exif=overlapping_tags(15_000_000, 3_000))
    texts = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(50_000_000), 9)) * 30
    return content[:33] + texts + chunk(b"eXIf", overlapping_tags(15_000_000, 3_000)[6:]) + content[33:]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_metadata_made_to_keep_a_decoder_busy_is_not_read(kind: str) -> None:
    content = stuffed(kind)
    assert 1_000_000 < len(content) < 20_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    assert opened(as_preview(content)).size == (480, 320)
    assert time.process_time() - start < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_file_in_very_many_pieces_is_refused() -> None:
    content = picture()
    with pytest.raises(ToolFailed, match="damaged"):
        as_preview(content[:33] + chunk(b"prIv", b"") * 500_000 + content[33:])
    content = picture("JPEG")
    with pytest.raises(ToolFailed, match="damaged"):
        as_preview(content[:2] + b"\xff\xfe\0\2" * 500_000 + content[2:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_damage_anywhere_is_a_picture_or_a_refusal_in_words(kind: str) -> None:
    options: dict[str, Any] = {} if kind == "GIF" else {"exif": exif(6)}
    content = picture(kind, size=(80, 60), **options)
    chance = random.Random(7)
    for number in range(400):
        damaged = bytearray(content[: chance.randrange(4, len(content))] if number % 2 else content)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with suppress(ToolFailed):
            assert opened(as_preview(bytes(damaged))).width <= 480


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://evil.example/x.png", "Reaching evil.example is not permitted"),
        ("http://cdn-lfs.hf.co/x.png", "cdn-lfs.hf.co is only reached over https"),
        ("https://cdn-lfs.hf.co.evil.example/x.png", "Reaching cdn-lfs.hf.co.evil.example"),
        ("https://huggingface.co@evil.example/x.png", "Only plain http and https"),
        ("http://169.254.169.254/latest/meta-data", "Reaching 169.254.169.254"),
        ("http://127.0.0.1:9/x.png", "Reaching 127.0.0.1"),
        ("file:///etc/passwd://", "Only plain http and https"),
        ("https://[::1/x.png", "This is not a usable web address"),
    ],
)
def test_a_picture_elsewhere_is_not_fetched(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, url: str, reason: str
) -> None:
    for number, repository in enumerate((Repository(card(url)), Repository(card(), moved={PICTURE: url}))):
        hub.repositories["a/ink"] = repository
        place = folder / str(number)
        place.mkdir()
        model = lora(place)
        answer = say(offline_proxy, f"enrich {model}")
        # In a card such an address is no picture at all; as a redirect it is refused, an unusable one in other words.
        assert_only_the_preview_is_missing(model, answer, reason if number and "[" not in url else "")


def test_a_picture_that_is_not_there_is_said(offline_proxy: RosterProcess, hub: HubServer, folder: Path) -> None:
    hub.repositories["a/ink"] = Repository(card())
    model = lora(folder)
    reason = "the picture cannot be had (status 404)"
    assert_only_the_preview_is_missing(model, say(offline_proxy, f"enrich {model}"), reason)
    hub.repositories["a/ink"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n")
    reason = "the card shows no picture"
    assert_only_the_preview_is_missing(model, say(offline_proxy, f"enrich {model}"), reason)


@pytest.mark.parametrize("name", ["ink.png", "ink.JPG", "ink.preview.png", "ink.mp4", "ink.webp", "ink.preview.webm"])
@pytest.mark.parametrize("kind", ["file", "link", "dead link"])
def test_a_preview_that_is_there_is_neither_replaced_nor_followed(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    shows(hub, picture())
    model, target = lora(folder), tmp_path / "target"
    if kind == "link":
        target.write_bytes(b"mine")
    if kind == "file":
        (folder / name).write_bytes(b"mine")
    else:
        (folder / name).symlink_to(target)
    assert "Preview (there is a preview file already)" in say(offline_proxy, f"enrich {model}")
    assert (kind != "dead link") == (folder / name).exists()
    assert kind == "dead link" or (folder / name).read_bytes() == b"mine"
    assert {path.name for path in folder.iterdir()} == {"ink.safetensors", "ink.metadata.json", name}
    assert "preview_url" not in read(model)
    assert not fetched_pictures(hub)


def test_the_preview_of_another_model_is_no_obstacle(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    shows(hub, picture())
    for name in ("inkwell.png", "ink2.webp", "ink.v2.png", "ink.png.txt"):
        (folder / name).write_bytes(b"other")
    say(offline_proxy, f"enrich {lora(folder)}")
    assert (folder / "ink.webp").exists()


@pytest.mark.parametrize("own", ["/home/me/chosen.png", "https://example.org/x.png", ["odd"], 7])
def test_the_picture_that_a_person_chose_stays(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, own: object
) -> None:
    shows(hub, picture())
    model = lora(folder, preview_url=own)
    assert "Already set: Preview" in say(offline_proxy, f"enrich {model}")
    assert read(model)["preview_url"] == own
    assert not (folder / "ink.webp").exists()
    assert not fetched_pictures(hub)


@pytest.mark.parametrize("field", ["exclude", "skip_metadata_refresh"])
def test_a_model_that_asks_to_be_left_alone_gets_no_picture(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, field: str
) -> None:
    shows(hub, picture())
    model = lora(folder, **{field: True})
    assert "leave this model alone" in say(offline_proxy, f"enrich {model}")
    assert not (folder / "ink.webp").exists()


def test_a_caller_without_identity_gets_no_picture_fetched(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path
) -> None:
    shows(hub, picture())
    assert "proven identity" in say(offline_proxy, f"enrich {lora(folder)}", OPENWEBUI_KEY)
    assert not (folder / "ink.webp").exists()
    assert not fetched_pictures(hub)


def test_an_address_alone_fetches_no_picture(offline_proxy: RosterProcess, hub: HubServer) -> None:
    shows(hub, picture())
    assert "nothing written" in say(offline_proxy, "https://huggingface.co/a/ink")
    assert not fetched_pictures(hub)


class Hub:
    """A hub on the net, as far as one picture goes; keeps who was asked with which token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.host, request.headers.get("authorization")))
        if request.url.host == "huggingface.co":
            return httpx.Response(302, headers={"location": "https://cas-bridge.xethub.hf.co/xet/x?signature=1"})
        return httpx.Response(200, content=picture(), headers={"content-type": "image/png"})


@pytest.fixture
def skills(tmp_path: Path, _hub_on_the_net: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[SkillAccess]:
    """The doors of skills, with a hub on the net."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (tmp_path / "models").mkdir()
    settings = load_settings(library=(tmp_path / "models",))
    client = httpx.AsyncClient(transport=httpx.MockTransport(_hub_on_the_net))
    with Database.open(tmp_path / "roster.db", ROSTER_SCHEMA) as database:
        openers = openers_of(settings, database=database, client=client, accounts=cast("Any", None))
        yield SkillAccess(SkillRegistry.load(), openers)


@pytest.fixture
def _hub_on_the_net() -> Hub:
    return Hub()


def context_of(skills: SkillAccess, caller: Caller, **permissions: bool) -> SkillContext:
    skill = skills.get("enrich-hf-metadata", lambda: None)
    library = {**((skill.manifest.capabilities or {})["library"] or {}), **permissions}
    capabilities = {**(skill.manifest.capabilities or {}), "library": library}
    return skills.context(
        type(skill)(
            manifest=type(skill.manifest)(**{**skill.manifest.model_dump(), "capabilities": capabilities}),
            instructions="",
            tools=skill.tools,
            origin="",
        ),
        caller,
        AGENT,
    )


async def _made(context: SkillContext, model: ModelFile) -> Preview:
    pictures = PictureCache(lambda url: download(context, url))
    return await make_preview(context, model, pictures, "https://huggingface.co/a/ink/resolve/main/x.png")


@pytest.mark.anyio
async def test_the_token_goes_to_the_hub_and_not_to_where_it_keeps_its_pictures(
    skills: SkillAccess, _hub_on_the_net: Hub, tmp_path: Path
) -> None:
    lora(tmp_path / "models")
    [model] = context_of(skills, PERSON).library.find("ink")
    made = await _made(context_of(skills, PERSON), model)
    assert made.path == tmp_path / "models/ink.webp"
    assert _hub_on_the_net.asked == [("huggingface.co", f"Bearer {TOKEN}"), ("cas-bridge.xethub.hf.co", None)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("caller", "permitted", "reason"),
    [(PERSON, False, "has no permission to write previews"), (ANONYMOUS, True, "proven identity")],
)
async def test_without_permission_or_person_nothing_is_fetched_or_written(
    skills: SkillAccess, _hub_on_the_net: Hub, tmp_path: Path, caller: Caller, permitted: bool, reason: str
) -> None:
    lora(tmp_path / "models")
    [model] = context_of(skills, PERSON).library.find("ink")
    context = context_of(skills, caller, write_previews=permitted)
    made = await _made(context, model)
    assert reason in made.missing
    assert made.path is None
    with pytest.raises(NotAllowed, match=reason):
        context.previews.write(model, picture())
    assert context.previews.existing(model) is None
    assert not _hub_on_the_net.asked


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    lora(tmp_path)
    return Library([tmp_path]).find("ink")[0]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"ink.safetensors", "ink.metadata.json"}


def _write_again_and_again(model: ModelFile) -> None:
    content = picture(size=(200, 150))
    while True:
        preview = Previews().write(model, content)
        preview.unlink()


def test_a_killed_writer_leaves_no_half_picture_and_the_next_one_cleans_up(model: ModelFile, tmp_path: Path) -> None:
    for attempt in range(40):
        writer = multiprocessing.Process(target=_write_again_and_again, args=(model,))
        writer.start()
        deadline = time.monotonic() + 20
        while not names_in(tmp_path) and time.monotonic() < deadline:
            pass
        time.sleep(attempt * 0.0007)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        assert names_in(tmp_path) <= {"ink.webp", ".ink.webp.tmp"}
        if (preview := Previews().existing(model)) is not None:
            assert opened(preview.read_bytes()).size == (200, 150)
            preview.unlink()
        Previews().write(model, picture(size=(200, 150))).unlink()
        assert not names_in(tmp_path)


def _write_once(model: ModelFile, width: int, results: Any) -> None:
    try:
        Previews().write(model, picture(size=(width, 100)))
        results.put(width)
    except ToolFailed as error:
        results.put(error.message)


def test_of_several_writers_one_writes_and_the_others_are_told(model: ModelFile, tmp_path: Path) -> None:
    for _ in range(5):
        results: Any = multiprocessing.Queue()
        widths = (100, 200, 300, 400)
        writers = [multiprocessing.Process(target=_write_once, args=(model, width, results)) for width in widths]
        for writer in writers:
            writer.start()
        outcomes = [results.get(timeout=30) for _ in writers]
        for writer in writers:
            writer.join(10)
        winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(winners) == 1
        assert outcomes.count("there is a preview already; nothing written") == 3
        assert opened((tmp_path / "ink.webp").read_bytes()).width == winners[0]
        assert names_in(tmp_path) == {"ink.webp"}
        (tmp_path / "ink.webp").unlink()


@pytest.mark.parametrize("links", [True, False])
def test_what_somebody_without_the_lock_puts_there_meanwhile_stays(
    model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    assert Previews().write(model, picture()) == tmp_path / "ink.webp"
    (tmp_path / "ink.webp").write_bytes(b"mine")
    monkeypatch.setattr(Previews, "existing", lambda *_: None)
    with pytest.raises(ToolFailed, match="already"):
        Previews().write(model, picture())
    assert (tmp_path / "ink.webp").read_bytes() == b"mine"
    (tmp_path / "ink.webp").unlink()
    (tmp_path / "ink.webp").symlink_to(tmp_path / "target")
    with pytest.raises(ToolFailed, match="already"):
        Previews().write(model, picture())
    assert not (tmp_path / "target").exists()
    assert names_in(tmp_path) == {"ink.webp"}


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(model: ModelFile, tmp_path: Path) -> None:
    (tmp_path / ".ink.webp.tmp").symlink_to(tmp_path / "target")
    Previews().write(model, picture())
    assert names_in(tmp_path) == {"ink.webp"}
    assert not (tmp_path / "ink.webp").is_symlink()


def test_a_folder_that_is_gone_or_a_name_that_is_too_long_is_said_in_words(tmp_path: Path) -> None:
    gone = ModelFile(tmp_path / "gone/ink.safetensors", "ink.safetensors")
    for attempt in (lambda: Previews().existing(gone), lambda: Previews().write(gone, picture())):
        with pytest.raises(ToolFailed, match="cannot be"):
            attempt()
    with pytest.raises(ToolFailed, match="File name too long"):
        Previews().write(ModelFile(tmp_path / f"{'x' * 252}.pt", "x.pt"), picture())
