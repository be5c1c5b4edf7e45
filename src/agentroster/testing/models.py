"""Model files for a test's library."""

import json
from collections.abc import Mapping
from pathlib import Path


def write_model(
    path: Path, sidecar: Mapping[str, object] | None = None, *, header: Mapping[str, str] | None = None
) -> Path:
    """Write a small `.safetensors` file with this metadata in its header, perhaps with its sidecar; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"__metadata__": dict(header)} if header else {}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    if sidecar is not None:
        path.with_name(f"{path.stem}.metadata.json").write_text(json.dumps(dict(sidecar)), encoding="utf-8")
    return path
