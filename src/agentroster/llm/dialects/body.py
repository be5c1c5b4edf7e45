"""The bytes of an answer, decoded within bounds: people name their own servers, so none may fill the memory."""

import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from agentroster.llm.dialects.frames import NotRead

MAX_ERROR_BYTES = 65_536
_STEP_BYTES = 65_536
# Not asked for, but some gateways send it all the same. 47: gzip and zlib by their own header.
_WINDOWS = {"gzip": 47, "x-gzip": 47, "deflate": 47}


async def decoded_bytes(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Yield the body in steps of at most 64 kB. Raises NotRead for an encoding that nobody asked for."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if encoding not in _WINDOWS:
        raise NotRead(f"content-encoding: {encoding}")
    decoder = zlib.decompressobj(_WINDOWS[encoding])
    async for chunk in response.aiter_raw():
        rest = chunk
        while rest:
            try:
                step = decoder.decompress(rest, _STEP_BYTES)
            except zlib.error as error:
                raise NotRead(f"content-encoding: {encoding}") from error
            if step:
                yield step
            rest = decoder.unconsumed_tail


async def error_bytes(response: httpx.Response) -> bytes:
    """Return the beginning of an error's body: enough for its reason, however long it is."""
    body = bytearray()
    try:
        async with aclosing(decoded_bytes(response)) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= MAX_ERROR_BYTES:
                    break
    except (NotRead, httpx.TransportError):
        pass  # the status has said what counts
    return bytes(body[:MAX_ERROR_BYTES])
