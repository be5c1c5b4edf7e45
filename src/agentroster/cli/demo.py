"""`roster demo`: two small model files to try agents with, without a network and without a model of one's own."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR
from agentroster.errors import BadInput
from agentroster.settings.settings import load_settings

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


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@DATA_DIR
def demo(folder: Path | None, data_dir: Path | None) -> None:
    """Put two small model files into a folder, to try agents without a network.

    A file of the same name that is there stays as it is.
    """
    library = load_settings(data_dir=data_dir).library
    folder = folder or next(iter(library), None)
    if folder is None:
        raise BadInput("Name the folder, for example `roster demo ~/models`, or set ROSTER_LIBRARY.")
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _files().items():
        made = _write_new(folder / name, content)
        click.echo(f"{'made' if made else 'left as it was:'} {folder / name}")
    click.echo(
        f"They hold no weights, only what such files say of themselves. Try: roster enrich {folder}\n"
        f"or, with ROSTER_LIBRARY={folder} and `roster serve` running: roster ask enrich-metadata 'enrich everything'"
    )


def _files() -> Mapping[str, bytes]:
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


def _write_new(path: Path, content: bytes) -> bool:
    """Write a file unless one of this name is there, whatever it is."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
