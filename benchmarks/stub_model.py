"""A model server that costs little: OpenAI's wire, answers of numbered words, at full speed or paced.

Runs as its own process (`python -m benchmarks.stub_model`) so that its work is not counted as the proxy's. It
prints its port and ends when its standard input closes, which also happens when its parent dies.
"""

import asyncio
import json
import re
from contextlib import suppress
from functools import cache
from typing import Any

import uvloop

from benchmarks.serving import serve

PIECES = 200
"""How many pieces the answers of all cases have."""

_ORDER = re.compile(r"pieces=(\d+) rate=(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def order(pieces: int, rate: int = 0) -> str:
    """Return the message that orders an answer of so many pieces, `rate` a second (0: no pauses)."""
    return f"pieces={pieces} rate={rate}"


def words(pieces: int) -> list[str]:
    """Return the pieces of an answer; all differ, because LiteLLM ends a stream that repeats itself."""
    return [f"w{number} " for number in range(pieces)]


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length is None:
                # LiteLLM asks for the list of models at its start and does without it.
                writer.write(_NOT_FOUND)
            else:
                await _answer(json.loads(await reader.readexactly(int(length[1]))), writer)
            await writer.drain()
    writer.close()


async def _answer(body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    pieces, rate = _ordered(body)
    if not body.get("stream"):
        writer.write(_whole(pieces))
        return
    options: dict[str, Any] = body.get("stream_options") or {}
    with_usage = bool(options.get("include_usage"))
    await _stream(writer, _chunks(pieces, with_usage=with_usage), rate)


def _ordered(body: dict[str, Any]) -> tuple[int, int]:
    last = next(message for message in reversed(body["messages"]) if message["role"] == "user")
    match = _ORDER.search(json.dumps(last["content"]))
    return (int(match[1]), int(match[2])) if match else (1, 0)


async def _stream(writer: asyncio.StreamWriter, chunks: list[bytes], rate: int) -> None:
    writer.write(_STREAM_HEAD)
    clock = asyncio.get_running_loop().time
    start = clock()
    for number, chunk in enumerate(chunks):
        writer.write(chunk)
        await writer.drain()
        # By the clock, so that a late piece does not make all later ones late. At full speed each piece is
        # still a write of its own with a turn of the loop after it, as a real server's is.
        await asyncio.sleep(max(0.0, start + (number + 1) / rate - clock()) if rate else 0)


@cache
def _chunks(pieces: int, *, with_usage: bool) -> list[bytes]:
    choices: list[list[dict[str, object]]] = [
        [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}] for word in words(pieces)
    ]
    events = [{**_frame("chat.completion.chunk"), "choices": choice} for choice in choices]
    finish: list[dict[str, object]] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    events.append({**_frame("chat.completion.chunk"), "choices": finish})
    if with_usage:
        events.append({**_frame("chat.completion.chunk"), "choices": [], "usage": _usage(pieces)})
    lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    # Pieces go out one by one; the end goes out in one write.
    end = _framed(lines[-1]) + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return [*map(_framed, lines[:-1]), end]


@cache
def _whole(pieces: int) -> bytes:
    message = {"role": "assistant", "content": "".join(words(pieces))}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = json.dumps({**_frame("chat.completion"), "choices": choices, "usage": _usage(pieces)}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _frame(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-stub", "object": kind, "created": 1_700_000_000, "model": "stub"}


def _usage(pieces: int) -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": pieces, "total_tokens": 10 + pieces}


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(_connection))
