"""A small library for sentences about it, and what is in it to the byte."""

import json
import struct
from pathlib import Path

from agentroster.library.library import Library

SENTENCES = Path(__file__).parents[1] / "sentences"
Snapshot = dict[str, tuple[bytes, int]]
FILES = (
    "bar.safetensors", "foo.safetensors", "fresh ink.safetensors", "later.safetensors", "水墨.safetensors",
    "a/twin.safetensors", "b/twin.safetensors", "pair.safetensors", "pair/one.safetensors",
    "loras/rust.safetensors", "loras/sdxl/moss.safetensors", "checkpoints/base.ckpt",
)  # fmt: skip


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


def snapshot(root: Path) -> Snapshot:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}
