"""A model server whose every byte is scripted: HTTP/1.1 on a bare socket, in a thread of its own.

A case is played at `{url}/{run}/v1`, one run a test. A request that a real server would refuse is answered as the real
one answers, and kept in `Run.errors`; `refuses` are refusals that belong to the habit and are no complaint.
"""

import asyncio
import base64
import contextlib
import gzip
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.strictness import Json, body_of_refusal, refusals

_END = {"chunked": b"0\r\n\r\n"}


@dataclass
class Run:
    """One play of one case: what was asked, on which connections, and what a real server would have had against it.

    `written` counts the answers that are written to their last byte. `dropped` is set when the client closes a
    connection whose answer was still open.
    """

    case: Json
    requests: list[Json] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)
    step: int = 0
    connections: set[int] = field(default_factory=set)
    written: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    dropped: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: Json) -> Json:
        """Return the scripted answer to a request."""
        self.requests.append(body)
        marker = f"[case:{self.case['name']}]"
        if marker not in json.dumps(body, ensure_ascii=False):
            self.errors.append("the person's message did not arrive")
        for refusal in self.case.get("refuses", []):
            if _meets(body, refusal["when"]):
                return refusal
        for complaint in refusals(body, self.case.get("checks", []), self.sent):
            self.errors.append(complaint)
        if self.errors:
            style = self.case.get("style", "openai")
            return {"status": 500 if style == "llama.cpp" else 400, "body": body_of_refusal(style, self.errors[-1])}
        steps = self.case["stream" if body.get("stream") else "whole"]["steps"]
        if self.step >= len(steps):
            self.errors.append("one request more than the case has answers")
            return {"status": 400, "body": body_of_refusal("openai", "The script is over.")}
        step = steps[self.step]
        self.step += 1
        if "turn" in step:
            self.sent.append(step["turn"])
        return step


def _meets(body: Json, when: Json) -> bool:
    """`has`: a field is there; `is`: fields have these values; `not`: a field has another value than this one.

    `roles`: messages of these roles are there; `text`: these words stand somewhere; `calls`: a turn has so many calls.
    """
    return (
        all(name in body for name in when.get("has", []))
        and all(bool(body.get(name)) is value for name, value in when.get("is", {}).items())
        and all(name in body and body[name] != value for name, value in when.get("not", {}).items())
        and all(any(m["role"] == role for m in body["messages"]) for role in when.get("roles", []))
        and all(text in json.dumps(body) for text in when.get("text", []))
        and all(len(m.get("tool_calls") or []) >= when.get("calls", 0) for m in _most_calls(body))
    )


def _most_calls(body: Json) -> list[Json]:
    return [max(body["messages"], key=lambda message: len(message.get("tool_calls") or []))]


def payload(step: Json) -> list[bytes]:
    """Return the bytes of an answer, in the pieces in which they are written."""
    if "base64" in step:
        pieces = [base64.b64decode(step["base64"])]
    elif "raw" in step:
        pieces = [step["raw"].encode("utf-8", "surrogatepass")]
    elif "body" in step:
        pieces = [_dump(step["body"], step).encode()]
    elif "events" in step:
        pieces = [piece.encode() for piece in _frames(step)]
    else:
        pieces = [b""]
    if step.get("gzip"):
        pieces = [gzip.compress(b"".join(pieces))]
    size = step.get("pieces")
    if size:
        whole = b"".join(pieces)
        pieces = [whole] if size == "one" else [whole[at : at + size] for at in range(0, len(whole), size)]
    return pieces


def _dump(event: Any, step: Json) -> str:
    indent = 2 if step.get("pretty") else None
    return event if isinstance(event, str) else json.dumps(event, ensure_ascii=bool(step.get("ascii")), indent=indent)


def _events(scripted: list[Any]) -> Iterator[Any]:
    """Yield the events; `{"$say": text, "every": n}` stands for chunks of n characters each."""
    for event in scripted:
        if not isinstance(event, dict) or "$say" not in event:
            yield event
            continue
        text, size = event["$say"], event["every"]
        for at in range(0, len(text), size):
            choice = {"index": 0, "delta": {"content": text[at : at + size]}, "finish_reason": None}
            yield {"id": "chatcmpl-7f3", "object": "chat.completion.chunk", "created": 1764201600, "choices": [choice]}


def _frames(step: Json) -> Iterator[str]:
    eol, framing = step.get("eol", "\n"), step.get("framing", "sse")
    yield step.get("before", "")
    for event in _events(step["events"]):
        text = _dump(event, step)
        if framing == "ndjson":
            yield text + eol
        elif framing == "lines":  # one `data:` line an event, without the empty line after it
            yield f"data: {text}{eol}"
        elif framing == "multiline":  # one event over several `data:` lines
            yield "".join(f"data: {line}{eol}" for line in text.splitlines()) + eol
        else:
            yield f"{step.get('prefix', '')}{step.get('data', 'data: ')}{text}{step.get('suffix', '')}{eol}{eol}"
    if step.get("done", framing != "ndjson"):
        yield f"data: [DONE]{eol}{eol}"
    yield step.get("after", "")


class ScriptedServer:
    """Serves every run on one port; `url` is its address while it is started, of `localhost` with TLS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.runs: dict[str, Run] = {}
        self.url = ""
        self._tls = tls
        self._accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        self._server = server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        origin = "https://localhost" if self._tls else "http://127.0.0.1"
        self.url = f"{origin}:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def play(self, name: str, case: Json) -> Run:
        """Begin a run; its base URL is `{url}/{name}/v1`."""
        self.runs[name] = Run(case)
        return self.runs[name]

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls)

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        number = self._accepted
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._exchange(reader, writer, number):
                    pass
            finally:
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Answer one request on the connection of this number; say whether it goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if headers.get("transfer-encoding") == "chunked":
            raw = b"".join([piece async for piece in _chunks(reader)])
        else:
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
        run = self.runs.get(target.strip("/").split("/")[0])
        if method != "POST" or run is None or not target.split("?")[0].endswith("/v1/chat/completions"):
            return await _write(reader, writer, {"status": 404, "body": {"error": {"message": f"no {target}"}}})
        run.connections.add(number)
        try:
            body = json.loads(raw.decode())
        except ValueError as error:
            run.errors.append(f"the body is no JSON: {error}")
            return await _write(reader, writer, {"status": 400, "body": body_of_refusal("openai", "no JSON")})
        step = run.answer(body)
        goes_on = await _write(reader, writer, step)
        run.written.release()
        if step.get("end") == "open":
            run.dropped.set()
        return goes_on


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()
    await reader.readline()


async def _write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, step: Json) -> bool:
    """Write an answer; `end` is `keep`, `cut` (closed in the middle) or `open` (nothing more comes)."""
    pieces, end = payload(step), step.get("end", "keep")
    transfer = step.get("transfer", "chunked" if "events" in step else "length")
    if "interim" in step:
        writer.write(step["interim"].encode())
    headers = {"content-type": "text/event-stream" if "events" in step else "application/json"}
    headers |= {"content-encoding": "gzip"} if step.get("gzip") else {}
    headers |= {"transfer-encoding": "chunked"} if transfer == "chunked" else {"connection": "close"}
    if transfer == "length":
        headers["content-length"] = str(sum(map(len, pieces)) + step.get("missing", 0))
        headers.pop("connection")
    headers |= step.get("headers", {})
    lines = [f"HTTP/1.1 {step.get('status', 200)} {step.get('reason', 'OK')}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    framed = [f"{len(one):x}\r\n".encode() + one + b"\r\n" if transfer == "chunked" else one for one in pieces if one]
    if end == "keep":
        framed.append(_END.get(transfer, b""))
    if step.get("ends_together"):  # the last piece and the end of the body are one write
        framed[-2:] = [b"".join(framed[-2:])]
    for piece in framed:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    if end == "open":  # until the client has enough of it
        await reader.read()
    return end == "keep" and transfer != "close" and not step.get("missing")
