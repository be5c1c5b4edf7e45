"""Finds what kind of model a file holds, for skills that are made for some kinds only."""

import json

from agentroster.json_values import as_object
from agentroster.library.header import header_metadata
from agentroster.library.library import ModelFile

_LORA, _CHECKPOINT, _EMBEDDING = "lora", "checkpoint", "embedding"
_STATED = {
    "lora": _LORA, "locon": _LORA, "lycoris": _LORA, "dora": _LORA,
    "checkpoint": _CHECKPOINT, "diffusion_model": _CHECKPOINT,
    "embedding": _EMBEDDING, "textualinversion": _EMBEDDING,
}  # fmt: skip
_FOLDERS = {
    "lora": _LORA, "loras": _LORA, "checkpoint": _CHECKPOINT, "checkpoints": _CHECKPOINT,
    "diffusion_models": _CHECKPOINT, "unet": _CHECKPOINT, "stable-diffusion": _CHECKPOINT,
    "embedding": _EMBEDDING, "embeddings": _EMBEDDING,
}  # fmt: skip


def model_type_of(model: ModelFile) -> str | None:
    """Return `lora`, `checkpoint` or `embedding`, or None where nothing says; blocks.

    The sidecar's `model_type` decides, then the file's own header, then the nearest folder with a usual name.
    """
    return _of_sidecar(model) or _of_header(model) or _of_folders(model)


def _of_sidecar(model: ModelFile) -> str | None:
    try:
        value: object = json.loads(model.sidecar.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    stated = as_object(value).get("model_type")
    return _STATED.get(stated.lower()) if isinstance(stated, str) else None


def _of_header(model: ModelFile) -> str | None:
    try:
        header = header_metadata(model.path)
    except OSError:
        return None
    # ModelSpec writes "stable-diffusion-xl-v1-base/lora"; kohya's trainers name the module of a network.
    kind = header.get("modelspec.architecture", "").rpartition("/")[2]
    if "ss_network_module" in header:
        return _LORA
    return {"lora": _LORA, "textual-inversion": _EMBEDDING}.get(kind)


def _of_folders(model: ModelFile) -> str | None:
    names = (folder.name.lower() for folder in model.path.parents)
    return next((_FOLDERS[name] for name in names if name in _FOLDERS), None)
