"""A large library through the limits of the hub: nothing fails, nothing is asked in vain, and hardly anything again.

`ROSTER_LIBRARY_FILES=5000` is the size that is promised; without it a twentieth. `ROSTER_HUB_WINDOW` has the
seconds of a window, which are 300 at the hub.
"""

import asyncio
import json
import os
import re
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.responses import Response

from tests.support.roster_process import run_roster
from tests.support.stand_ins.hub import HubServer, Limit, Repository, cdn_of
from tests.support.stand_ins.serving import serving

FILES = int(os.environ.get("ROSTER_LIBRARY_FILES", "240"))
REPOSITORIES = FILES * 600 // 5000
WINDOW = float(os.environ.get("ROSTER_HUB_WINDOW", "5"))
# Per window of 5 minutes, anonymous (https://huggingface.co/docs/hub/rate-limits); a smaller library gets its share.
QUOTAS = {name: max(1, quota * FILES // 5000) for name, quota in {"pages": 100, "api": 500, "resolvers": 3_000}.items()}
FRONT = "---\nbase_model: black-forest-labs/FLUX.1-dev\ntags: [ink]\n---\n"
SHARED = "https://huggingface.co/a/shared/resolve/main/x.png"


@dataclass
class Library:
    """The files by name of their repository, and how a command on them is run."""

    root: Path
    files: dict[str, list[Path]]
    environment: dict[str, str]
    cdn_asked: list[str]

    def enrich(self) -> str:
        done = run_roster("enrich", str(self.root), environment=self.environment)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout.splitlines()[-1]

    def sidecars(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for paths in self.files.values():
            for path in paths:
                yield path, json.loads(path.with_suffix(".metadata.json").read_text(encoding="utf-8"))


def picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (64, 48), "red").save(written, "PNG")
    return written.getvalue()


def section(stem: str, image: str, *, level: int = 1) -> str:
    return (
        f"{'#' * level} {stem}\n\nThe style of {stem} in ink and its colours.\n\nTrigger word: `{stem}word`\n\n"
        f"![a picture]({image})\n\n"
    )


def repository_of(hub: HubServer, number: int, stems: list[str]) -> None:
    """Put a repository of these files into the hub: a model, a shelf, a quantised pair; some renamed, some gated."""
    images = {"images/x.png": (picture(), "image/png")}
    files = [f"{stem}.safetensors" for stem in stems]
    if len(stems) == 1:
        card = FRONT + section(stems[0], "images/x.png")
        files += [f"{stems[0]}-fp8.safetensors"] if number % 3 == 1 else []
    else:
        card = f"{FRONT}# Shelf\n\n" + "".join(section(f"{stem}.safetensors", SHARED, level=2) for stem in stems)
        card = card.replace(".safetensorsword", "word")
    name = f"a/r{number}"
    if number % 20 == 7:
        hub.repositories[name] = Repository(renamed_to=f"{name}-new")
        name = f"{name}-new"
    hub.repositories[name] = Repository(card, files=files, images=images, gated=number % 25 == 3)


@pytest.fixture
def library(tmp_path: Path, hub: HubServer, base_environment: dict[str, str]) -> Iterator[Library]:
    """A library, of whose repositories every second one is a shelf."""
    hub.repositories["a/shared"] = Repository("# Shared\n", images={"x.png": (picture(), "image/png")})
    shelves = REPOSITORIES // 2
    alone = REPOSITORIES - shelves
    root, files, made = tmp_path / "models", dict[str, list[Path]](), 0
    for number in range(REPOSITORIES):
        left = FILES - made - (REPOSITORIES - number - 1)
        count = 1 if number % 2 == 0 or not shelves else min(left, (FILES - alone) // shelves + (number == 1) * 10)
        count = left if number == REPOSITORIES - 1 else count
        stems = [f"m{made + index:05}" for index in range(count)]
        made += count
        repository_of(hub, number, stems)
        files[f"a/r{number}"] = [root / f"r{number % 17}" / f"{stem}.safetensors" for stem in stems]
        for path in files[f"a/r{number}"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(struct.pack("<Q", 2) + b"{}")
            address = json.dumps({"hf_url": f"https://huggingface.co/a/r{number}"})
            path.with_suffix(".metadata.json").write_text(address, encoding="utf-8")
    asked: list[str] = []
    with ExitStack() as stack:
        # By another name than the hub's own, so that it is another host.
        hub.cdn = stack.enter_context(serving(cdn_of(hub, asked))).replace("127.0.0.1", "localhost")
        environment = {
            **base_environment,
            "ROSTER_DATA_DIR": str(tmp_path / "data"),
            "ROSTER_LIBRARY": "",
            "ROSTER_HUB_DOWNLOADS": hub.cdn,
            "ROSTER_HUB_WAIT_SECONDS": "900",
        }
        yield Library(root, files, environment, asked)


def with_trouble(hub: HubServer) -> list[str]:
    """Let some requests be slow, and some go wrong once; return the paths that went wrong."""
    wrong: list[str] = []

    async def trouble(number: int, path: str) -> Response | None:
        if number % 151 == 50:
            await asyncio.sleep(0.5)
        if number % 97 == 40 and path not in wrong:
            wrong.append(path)
            return Response("bad gateway", (502, 504, 503)[len(wrong) % 3])
        return None

    hub.trouble = trouble
    return wrong


def test_a_large_library_runs_through_the_limits_and_a_rerun_asks_only_about_what_changed(
    hub: HubServer, library: Library
) -> None:
    hub.limits = {name: Limit(name, quota, WINDOW) for name, quota in QUOTAS.items()}
    wrong = with_trouble(hub)
    began = time.monotonic()
    assert library.enrich() == f"{FILES} in all: {FILES} changed, 0 failed."
    first, seconds = len(hub.paths), time.monotonic() - began
    for path, sidecar in library.sidecars():
        assert sidecar["civitai"]["trainedWords"] == [f"{path.stem}word"]
        assert sidecar["preview_url"].endswith(f"/{path.stem}.webp")
        assert path.with_suffix(".webp").exists()
    renamed = sum(repository.renamed_to != "" for repository in hub.repositories.values())
    own_pictures = sum(len(paths) == 1 for paths in library.files.values())
    moved_pictures = sum(
        len(paths) == 1 and bool(hub.repositories[name].renamed_to) for name, paths in library.files.items()
    )
    assert hub.refused == []
    assert first == 2 * (REPOSITORIES + renamed) + own_pictures + moved_pictures + 1 + len(wrong)
    assert len(library.cdn_asked) == own_pictures + 1, "each picture once, also one that thousands share"

    hub.paths.clear()
    assert library.enrich() == f"{FILES} in all: 0 changed, 0 failed."
    assert hub.paths == [], "what is complete needs nothing"

    # Some lack something again; the repositories of some of them have changed, and of some that lack nothing.
    hub.trouble = None
    names = list(library.files)
    lacking, changed = names[::4], names[::8] + names[1::8]
    for name in lacking:
        sidecar = library.files[name][0].with_suffix(".metadata.json")
        kept = json.loads(sidecar.read_text(encoding="utf-8"))
        sidecar.write_text(json.dumps({**kept, "base_model": ""}), encoding="utf-8")
    for name in changed:
        there = hub.repositories[hub.repositories[name].renamed_to or name]
        there.files = [*there.files, "notes.txt"]
    assert library.enrich() == f"{FILES} in all: {len(lacking)} changed, 0 failed."
    asked = [re.sub(r"-new|/api/models/|/resolve/.*", "", path).strip("/") for path in hub.paths]
    assert set(asked) == set(lacking)
    for name in lacking:
        steps = 2 if hub.repositories[name].renamed_to else 1
        assert asked.count(name) == steps * (2 if name in changed else 1), name
    assert hub.refused == []
    print(  # noqa: T201 - what a soak keeps
        f"\n{FILES} files, {REPOSITORIES} repositories: {first} requests in {seconds:.0f} s, {len(wrong)} of them went "
        f"wrong once, 0 refused; again complete: 0 requests; {len(lacking)} lacking, of which "
        f"{len(set(lacking) & set(changed))} changed: {len(hub.paths)} requests"
    )
