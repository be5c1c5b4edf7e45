"""Videos and pictures within the file stand as previews where no card shows a picture."""

import base64
import hashlib
import json
import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from agentroster.builtin.skills.enrich_hf_metadata.deciding.header_rules import thumbnail
from agentroster.builtin.skills.enrich_hf_metadata.deciding.pictures import choose_preview, choose_video
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import RepositoryFacts
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.library.header import header_metadata
from agentroster.library.video import video_suffix
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

AGENT = "agno/enrich-metadata"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">L4s", len(content) + 8, kind) + content


MP4 = box(b"ftyp", b"isom\0\0\2\0isomavc1") + box(b"moov", bytes(40)) + box(b"mdat", bytes(100))
WEBM = b"\x1a\x45\xdf\xa3\x8bB\x82\x84webmB\x87\x81\x02\x18\x53\x80\x67\xff\x1f\x43\xb6\x75" + bytes(50)


def picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (600, 400), "red").save(written, "JPEG")
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (MP4, ".mp4"),
        (box(b"ftyp", b"mp42\0\0\0\0") + box(b"mdat", b"x") + box(b"free") + box(b"moov", b"x"), ".mp4"),
        # the last box goes to the end, or has a long size
        (box(b"ftyp", b"isom") + box(b"moov", b"x") + struct.pack(">L4s", 0, b"mdat") + bytes(9), ".mp4"),
        (box(b"ftyp", b"isom") + box(b"moov", b"x") + struct.pack(">L4sQ", 1, b"mdat", 18) + b"xy", ".mp4"),
        (WEBM, ".webm"),
        (MP4[:-1], None),
        (MP4 + b"x", None),
        (MP4 + b"<script>alert(1)</script>", None),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x"), None),
        (box(b"ftyp", b"avif") + box(b"moov") + box(b"mdat"), None),
        (box(b"ftyp", b"isom") + struct.pack(">L4sQ", 1, b"mdat", 2**63), None),
        (box(b"ftyp", b"isom") + struct.pack(">L4s", 1, b"mdat"), None),
        (box(b"ftyp", b"isom") + struct.pack(">L4s", 3, b"mdat") + bytes(50), None),
        (box(b"ftyp", b"isom") + box(b"free") * 20_000, None),
        (WEBM.replace(b"webm", b"matr"), None),
        (WEBM[:4] + b"B\x82", None),
        (WEBM[:30].replace(b"\x1f\x43\xb6\x75", b"abcd"), None),
        (b"\0\0\0\x08ftyp", None),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"", None),
    ],
)
def test_a_video_is_told_by_its_content_and_must_be_whole(content: bytes, suffix: str | None) -> None:
    assert video_suffix(content) == suffix


def source_of(card: str, files: tuple[str, ...] = (), file: str = "x.safetensors") -> Source:
    return Source(card=parse_card(card), facts=RepositoryFacts((), files), repo="a/b", file_name=file, header={})


@pytest.mark.parametrize(
    ("card", "path"),
    [
        ("---\nwidget:\n- output:\n    url: a.mp4\n- output: {url: b.webm}\n---\n", "a.mp4"),
        ("![clip](clip.webm)", "clip.webm"),
        ("<video controls src='my clip.mp4'></video><video src=\"v.mp4\" loop></video>", "v.mp4"),
        ("<video><source src=v.webm type=video/webm></video>", "v.webm"),
        ("<video src=https://evil.example/v.mp4></video>", None),
        ("<video src=../../v.mp4></video>", None),
        ("no video: x.mp4", None),
    ],
)
def test_a_video_is_taken_from_where_a_card_shows_one(card: str, path: str | None) -> None:
    found = choose_video(source_of(card))
    assert found == (path and f"https://huggingface.co/a/b/resolve/main/{path}")
    assert choose_preview(source_of(card)) is None


def test_a_video_on_a_card_of_several_files_is_not_taken_for_one_of_them() -> None:
    files = ("x.safetensors", "other.safetensors")
    assert choose_video(source_of("<video src=v.mp4></video>\n\n## other.safetensors\n![v](o.mp4)", files)) is None
    assert choose_video(source_of("## x.safetensors\n![v](o.mp4)\n", files)).endswith("/o.mp4")  # type: ignore[union-attr]


@pytest.fixture
def folder(library_root: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own in the shared library."""
    path = library_root / hashlib.sha1(request.node.nodeid.encode()).hexdigest()[:10]
    path.mkdir()
    return path


def model(folder: Path, header: dict[str, str], **sidecar: object) -> Path:
    content = json.dumps({"__metadata__": header}).encode()
    path = folder / "ink.safetensors"
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    path.with_suffix(".metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")
    return path


def enrich(proxy: RosterProcess, path: Path) -> str:
    messages = [{"role": "user", "content": f"enrich {path}"}]
    answer = proxy.openai(None).chat.completions.create(model=AGENT, messages=messages)  # type: ignore[arg-type]
    return answer.choices[0].message.content or ""


def sidecar_of(path: Path) -> dict[str, object]:
    return json.loads(path.with_suffix(".metadata.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("content", "suffix"), [(MP4, ".mp4"), (WEBM, ".webm")])
def test_the_video_of_a_card_without_pictures_becomes_the_preview_as_it_is(
    offline_proxy: RosterProcess, hub: HubServer, folder: Path, content: bytes, suffix: str
) -> None:
    # The name says MP4 in either case: what is in it counts.
    images = {"clip.mp4": (content, "video/mp4")}
    hub.repositories["a/moving"] = Repository("---\nwidget:\n- output: {url: clip.mp4}\n---\n# Ink\n", images=images)
    path = model(folder, {}, hf_url="https://huggingface.co/a/moving")
    enrich(offline_proxy, path)
    assert path.with_suffix(suffix).read_bytes() == content
    assert sidecar_of(path)["preview_url"] == path.with_suffix(suffix).as_posix()
    assert "a preview file already" not in enrich(offline_proxy, path)


def data_url(content: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def test_a_picture_within_the_file_is_the_preview_of_last_resort(offline_proxy: RosterProcess, folder: Path) -> None:
    path = model(folder, {"modelspec.thumbnail": data_url(picture())}, base_model="Pony")
    enrich(offline_proxy, path)
    with Image.open(path.with_suffix(".webp")) as image:
        assert image.size == (480, 320)
    sidecar = sidecar_of(path)
    assert sidecar["preview_url"] == path.with_suffix(".webp").as_posix()
    assert sidecar["agentroster"]["preview_url"]["source"] == "file header"  # type: ignore[index]


@pytest.mark.parametrize("content", [b"<svg/>", b"MZ\x90", picture()[:200]])
def test_a_picture_within_the_file_is_checked_like_any_other(
    offline_proxy: RosterProcess, folder: Path, content: bytes
) -> None:
    path = model(folder, {"modelspec.thumbnail": data_url(content)}, base_model="Pony")
    enrich(offline_proxy, path)
    assert {found.name for found in folder.iterdir()} == {"ink.safetensors", "ink.metadata.json"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (data_url(b"abc", "png"), b"abc"),
        (" data:image/JPG;base64,YWJj ", b"abc"),
        ("data:image/svg+xml;base64,YWJj", b""),
        ("data:text/html;base64,YWJj", b""),
        ("data:image/png;base64,***", b""),
        ("data:image/png;base64,YW", b""),
        ("https://example.com/x.png", b""),
        ("", b""),
    ],
)
def test_only_a_data_url_of_a_picture_is_one(value: str, found: bytes) -> None:
    assert thumbnail({"modelspec.thumbnail": value}) == found


def test_a_large_picture_in_a_header_is_read_and_a_huge_one_is_left_out(tmp_path: Path) -> None:
    for length, is_read in ((3_000_000, True), (4_000_001, False)):
        content = json.dumps({"__metadata__": {"modelspec.thumbnail": "x" * length, "a": "b"}}).encode()
        path = tmp_path / "m.safetensors"
        path.write_bytes(struct.pack("<Q", len(content)) + content)
        assert ("modelspec.thumbnail" in header_metadata(path)) == is_read
        assert header_metadata(path)["a"] == "b"
