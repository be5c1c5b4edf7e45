"""From the bytes of an answer to its JSON values, whatever the framing: SSE, NDJSON, a document, a mixture.

The bytes decide, never the content type: servers label streams as JSON and JSON as streams.
Source: WHATWG HTML, server-sent events; bounds are ours, because people name their own servers.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentroster.json_values import is_list, is_object
from agentroster.messages import say

MAX_LINE_BYTES = 2_000_000
MAX_ANSWER_BYTES = 20_000_000
# Around each word of a stream there are some hundred bytes of framing, which are not kept.
_MAX_STREAM_BYTES = 10 * MAX_ANSWER_BYTES
_MAX_JOINED_LINES = 1_000
_MAX_ATTEMPTS = 30
_LINE_END = re.compile(rb"\r\n|\n|\r")
_DONE = frozenset({"[DONE]", '"[DONE]"', "[done]", "DONE"})
_DECODER = json.JSONDecoder(strict=False)
_SSE_FIELD = re.compile(r"(?:data|event|id|retry)(?::|$)|:")


class TooMuch(Exception):
    """An answer over a bound; the text says which."""


class NotRead(Exception):
    """The answer is nothing this reader knows; `begins` is how the part in question begins."""

    def __init__(self, begins: str) -> None:
        super().__init__(begins)
        self.begins = begins[:60]


@dataclass(frozen=True, slots=True)
class Frame:
    """One JSON value (an object or a list) and the name of its event; `done` is the end of a stream."""

    value: object = None
    event: str = ""
    done: bool = False


@dataclass(slots=True)
class FrameReader:
    """Takes bytes as they come and gives the values that are complete. Linear in the bytes it is given."""

    _line: bytearray = field(default_factory=bytearray)
    _scanned: int = 0
    _total: int = 0
    _event: str = ""
    _pending: list[str] = field(default_factory=list[str])
    _pending_bytes: int = 0
    _is_document: bool = False
    _begun: bool = False
    _attempts: int = 0
    begins: str = ""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the values that this chunk completes. Raises TooMuch, or NotRead for what is no JSON."""
        self._total += len(chunk)
        is_stream = self._begun and not self._is_document
        if self._total > (_MAX_STREAM_BYTES if is_stream else MAX_ANSWER_BYTES):
            raise TooMuch(say("llm.bound_of_all", megabytes=self._total // 1_000_000))
        if self._begun and not (self._line or self._is_document) and chunk[-1:] == b"\n" and b"\r" not in chunk:
            return self._read_lines(chunk.split(b"\n"))
        frames = [frame for line in self._lines(chunk) for frame in self._read(line)]
        return frames or self._unended()

    def _read_lines(self, lines: list[bytes]) -> list[Frame]:
        """Read whole lines, as nearly all of a stream arrives."""
        frames: list[Frame] = []
        for raw in lines:
            if self._pending:
                frames += self._read(raw)
            elif not raw:
                self._event = ""
            elif raw.startswith(b"data: {") and (value := parsed(raw[6:].decode("utf-8", "replace"))) is not None:
                frames.append(Frame(value, self._event))
            else:
                frames += self._read(raw)
        return frames

    def close(self) -> list[Frame]:
        """Return what the last bytes hold, also without a last line break. Raises NotRead."""
        rest = bytes(self._line)
        self._line.clear()
        frames = list(self._read(rest)) if rest else []
        return [*frames, *self._flush(ended=True)]

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        """Yield complete lines; the buffer is never searched twice."""
        self._line += chunk
        start = 0
        for match in _LINE_END.finditer(self._line, self._scanned):
            if match.group() == b"\r" and match.end() == len(self._line):
                break  # perhaps the first half of a line break
            yield bytes(self._line[start : match.start()])
            start = match.end()
        del self._line[:start]
        self._scanned = max(0, len(self._line) - 1)
        if len(self._line) > MAX_LINE_BYTES and not self._is_document and not self._looks_like_document():
            raise TooMuch(say("llm.bound_of_line", megabytes=MAX_LINE_BYTES // 1_000_000))

    def _unended(self) -> list[Frame]:
        """Return the one value of an answer without a line break, whose connection may stay open."""
        if (
            not self._looks_like_document()
            or bytes(self._line[-1:]) not in {b"}", b"]"}
            or self._attempts >= _MAX_ATTEMPTS
        ):
            return []
        self._attempts += 1
        text = self._line.decode("utf-8", "replace").lstrip("\ufeff")
        value = parsed(text)
        if value is None:
            return []
        self.begins = text.strip()[:60]
        self._line.clear()
        self._scanned, self._begun, self._is_document = 0, True, True
        return [Frame(value)]

    def _looks_like_document(self) -> bool:
        return not self._begun and bytes(self._line[:64]).lstrip(b"\xef\xbb\xbf \t")[:1] in {b"{", b"["}

    def _read(self, raw: bytes) -> Iterator[Frame]:
        line = raw.decode("utf-8", "replace")
        if not self._begun:
            line = line.lstrip("\ufeff")
            if not line.strip():
                return
            self._begun = True
            self.begins = line.strip()[:60]
            self._is_document = line.lstrip()[:1] in {"{", "["}
        if self._is_document and not line.startswith(("data:", "event:")):
            yield from self._read_document_line(line)
            return
        self._is_document = False
        yield from self._read_sse_line(line)

    def _read_document_line(self, line: str) -> Iterator[Frame]:
        if not self._pending:
            value = parsed(line) if line.strip()[:1] in {"{", "["} else None
            if value is not None:
                yield Frame(value)
                return
        self._keep(line)

    def _read_sse_line(self, line: str) -> Iterator[Frame]:
        if not line.strip():
            yield from self._flush(ended=False)
            self._event = ""
        elif line.startswith("data:"):
            yield from self._read_data(line[5:].strip())
        elif line.startswith("event:"):
            self._event = line[6:].strip()
        elif not _SSE_FIELD.match(line):
            # An error in plain JSON in the middle of a stream is no event, and is not to be missed.
            yield from self._read_data(line.strip(), is_raw=True)

    def _read_data(self, data: str, *, is_raw: bool = False) -> Iterator[Frame]:
        if not data:
            return
        if data in _DONE:
            yield Frame(done=True)
            return
        if not self._pending:
            value = parsed(data)
            if value is not None:
                yield Frame(value, self._event)
                return
            if (is_raw and data[:1] not in {"{", "["}) or _is_scalar(data):
                return
        self._keep(data)
        if (
            len(self._pending) > 1
            and data.endswith(("}", "]"))
            and (value := parsed("\n".join(self._pending))) is not None
        ):
            self._forget()
            yield Frame(value, self._event)

    def _keep(self, line: str) -> None:
        self._pending.append(line)
        self._pending_bytes += len(line)
        most = MAX_ANSWER_BYTES if self._is_document else MAX_LINE_BYTES
        if self._pending_bytes > most or (not self._is_document and len(self._pending) > _MAX_JOINED_LINES):
            raise TooMuch(say("llm.bound_of_event"))

    def _flush(self, *, ended: bool) -> Iterator[Frame]:
        if not self._pending or (self._is_document and not ended):
            return
        text = "\n".join(self._pending)
        self._forget()
        values = _all_values(text)
        if values is None:
            raise NotRead(text.strip())
        for value in values:
            yield Frame(value, self._event)

    def _forget(self) -> None:
        self._pending.clear()
        self._pending_bytes = 0


def parsed(text: str) -> object | None:
    """Return a JSON object or list, or None for anything else."""
    try:
        value: Any = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if is_object(value) or is_list(value) else None


def _is_scalar(text: str) -> bool:
    """Whether a text is JSON that carries nothing: a keep-alive of `null`, `""` or a number."""
    try:
        return not isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _all_values(text: str) -> list[object] | None:
    """Return the values that stand one after another in a text, or None when something else is there."""
    values: list[object] = []
    position = 0
    while position < len(text):
        if text[position].isspace() or text[position] == ",":
            position += 1
            continue
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        values.append(value)
    return values
