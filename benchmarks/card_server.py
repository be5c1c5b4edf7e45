"""A hub that costs little: a model card and facts for every repository, all different and all complete.

Runs as its own process (`python -m benchmarks.card_server`) so that its work is not counted as ours. It prints its port
and ends when its standard input closes, which also happens when its parent dies.
"""

import asyncio
import json
import re
from contextlib import suppress

import uvloop

from benchmarks.serving import serve

_PATH = re.compile(rb"GET (?:/api/models)?/bench/style-(\d+)(/resolve/main/README\.md)? ")
_BASES = ("black-forest-labs/FLUX.1-dev", "stabilityai/stable-diffusion-xl-base-1.0", "Tongyi-MAI/Z-Image-Turbo")
_PARAGRAPH = "It likes wide shots, calm colours and a low sun, and it was trained on drawings of one hand. " * 8


def card(number: int) -> str:
    """Return a card of about 2.7 kB, the median of real ones, that states all there is to know."""
    return f"""---
license: mit
base_model: {_BASES[number % len(_BASES)]}
instance_prompt: style{number} drawing
tags: [text-to-image, lora, drawing, "subject {number % 50}", landscape]
---
# Style {number}

A LoRA that draws landscapes in style number {number}, made for long walks.

## Trigger words

You should use `style{number} drawing` to trigger the image generation.

## Use

{_PARAGRAPH}

| Setting | Value |
| --- | --- |
| strength | 0.8 |
| steps | 28 |

{_PARAGRAPH}

## Thanks

{_PARAGRAPH}
"""


def _facts(number: int) -> str:
    files = [{"rfilename": name} for name in ("README.md", f"style-{number}.safetensors")]
    return json.dumps({"id": f"bench/style-{number}", "tags": ["lora", "region:us"], "siblings": files})


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            match = _PATH.match(await reader.readuntil(b"\r\n\r\n"))
            if match is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            else:
                body = (card if match[2] else _facts)(int(match[1])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(_connection))
