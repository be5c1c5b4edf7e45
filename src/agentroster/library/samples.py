"""Two small model files to try agents with, without a network and without a model of one's own.

They hold no weights, only what such files say of themselves.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from agentroster.errors import NotAllowed, ToolFailed
from agentroster.library.library import Library
from agentroster.messages import say

_TENSOR = {"lora_unet_mid_block.lora_down.weight": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}
_INK_WASH = {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": "flux-1-dev/lora",
    "modelspec.title": "Ink wash (a sample)",
    "modelspec.description": "A sample of roster demo. It would paint with the loose strokes of ink wash.",
    "modelspec.trigger_phrase": "inkwash style",
    "modelspec.tags": "ink wash, painting",
    "ss_base_model_version": "flux1",
    "ss_network_module": "networks.lora_flux",
}
_CLAY_TOYS = {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    "modelspec.title": "Clay toys (a sample)",
    "ss_base_model_version": "sdxl_base_v1-0",
    "ss_network_module": "networks.lora",
    "ss_tag_frequency": json.dumps({"1_claytoy": {"claytoy": 20, "a toy on a table": 12}}),
}
_CLAY_TOYS_INFO = {
    "name": "v1.0",
    "baseModel": "SDXL 1.0",
    "trainedWords": ["claytoy"],
    "description": "<p>A sample of roster demo. It would turn everything into toys of clay.</p>",
    "model": {"name": "Clay toys (a sample)", "type": "LORA", "nsfw": False, "tags": ["clay", "toys"]},
}


class Samples:
    """Puts the samples into an empty library, where that is permitted. All methods block: call them in a thread."""

    def __init__(self, library: Library, *, refusal: str = "", dry_run: bool = False) -> None:
        """Permit writing, unless `refusal` says why not."""
        self._library = library
        self._refusal = refusal
        self._dry_run = dry_run

    def rehearsing(self) -> "Samples":
        """Return the same for a dry run: nothing is written."""
        return Samples(self._library, refusal=self._refusal, dry_run=True)

    def write(self) -> None:
        """Write the files into the first folder of the library.

        Raises NotAllowed without the permission, ToolFailed where there is no folder, where models are already, or
        where nothing can be written.
        """
        if self._refusal:
            raise NotAllowed(self._refusal)
        if self._dry_run or not self._library.folders or not self._library.is_empty:
            raise ToolFailed(say("library.samples_not_here"))
        folder = self._library.folders[0]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in sample_files().items():
                write_new(folder / name, content)
        except OSError as error:
            raise ToolFailed(say("library.samples_unwritable", reason=error.strerror)) from error


def sample_files() -> Mapping[str, bytes]:
    """Return the content of each file by its name."""
    return {
        "ink-wash.safetensors": _safetensors(_INK_WASH),
        "clay-toys.safetensors": _safetensors(_CLAY_TOYS),
        "clay-toys.civitai.info": (json.dumps(_CLAY_TOYS_INFO, indent=2) + "\n").encode(),
    }


def _safetensors(metadata: Mapping[str, str]) -> bytes:
    """Return a file of one number: the length of a header in 8 bytes, little-endian, the header, and the number.

    Source: the safetensors format description.
    """
    header = json.dumps({"__metadata__": metadata, **_TENSOR}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0\0"


def write_new(path: Path, content: bytes) -> bool:
    """Write a file unless one of this name is there, whatever it is."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
