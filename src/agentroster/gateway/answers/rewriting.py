"""Reads the ASGI messages of an answer, and sends another answer in its place."""

import json
from typing import Any, cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Send


def content_type(start: Message) -> str:
    """Return the type of the answer that an `http.response.start` begins, empty where it names none."""
    return Headers(raw=start.get("headers", [])).get("content-type", "")


def is_stream(start: Message) -> bool:
    """Whether the answer that an `http.response.start` begins is a stream of server-sent events."""
    return content_type(start).startswith("text/event-stream")


def object_of(raw: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else, also for what is no JSON."""
    try:
        value: object = json.loads(raw)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


async def send_whole(send: Send, start: Message, body: bytes, **headers: str) -> None:
    """Send an answer with another body: its length fits, and `headers` take the place of those it had."""
    changed = MutableHeaders(raw=list(start.get("headers", [])))
    changed.update({name.replace("_", "-"): value for name, value in headers.items()})
    changed["content-length"] = str(len(body))
    await send({**start, "headers": changed.raw})
    await send({"type": "http.response.body", "body": body})
