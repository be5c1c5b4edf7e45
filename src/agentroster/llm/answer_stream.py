"""Reads an answer while it arrives: its first text at once, later text joined as the network brings it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx

from agentroster.errors import UpstreamUnavailable
from agentroster.llm.completion import Chunk
from agentroster.llm.dialects.answer import AnswerReader
from agentroster.llm.dialects.body import Decoder
from agentroster.llm.dialects.frames import FrameReader, NotRead, TooMuch
from agentroster.messages import say
from agentroster.net.dial import pace
from agentroster.net.response_body import ResponseBody

_PACE_SECONDS = 0.035
# What may still come after the finish reason: the token counts.
_AFTER_FINISH_SECONDS = 2.0
# So much is read at a time until there is text: the rest of a large read waits until that has gone out.
_FIRST_BYTES = 1_024


class AnswerStream:
    """One answer of a model server; `reader` knows afterwards how it ended."""

    def __init__(
        self, response: httpx.Response, body: ResponseBody, reader: AnswerReader, *, is_streamed: bool
    ) -> None:
        """Raise NotRead for an encoding that nobody asked for. Nobody waits for the first text of a whole answer."""
        self._network = response.extensions.get("network_stream")
        self._decoder = Decoder(response.headers)
        self._body = body
        self._reader = reader
        self._frames = FrameReader()
        self._has_begun = body.gathers = not is_streamed
        self._deadline: float | None = None

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield what the answer says, neighbours joined: at full speed that is a hundredth of the work.

        Raises NotRead for what is no answer, UpstreamUnavailable for half of one.
        """
        reader = self._reader
        try:
            async for said in self._arriving():
                for chunk in _joined(said):
                    yield chunk
        except httpx.TransportError:
            # What is complete is complete, however the connection ended.
            if not reader.has_ended():
                for chunk in _joined(list(reader.close())):
                    yield chunk
                raise
        rest = [] if reader.is_done else self._frames.close()
        for chunk in _joined([*(chunk for frame in rest for chunk in reader.read(frame)), *reader.close()]):
            yield chunk
        if reader.fault is not None:
            return
        if not reader.has_choices:
            raise NotRead(self._frames.begins)
        if not reader.has_ended():
            raise UpstreamUnavailable(say("endpoint.half_an_answer"))

    async def _arriving(self) -> AsyncIterator[list[Chunk]]:
        try:
            while arrived := await self._next():
                for said in self._read(arrived):
                    yield said
                    if not self._has_begun and (self._reader.has_calls() or any(map(_is_text, said))):
                        self._has_begun = self._body.gathers = True
                        pace(self._network, _PACE_SECONDS)
                        # The first text is on its way to the client before the rest is read.
                        await asyncio.sleep(0)
        finally:
            pace(self._network, 0)

    async def _next(self) -> list[bytes]:
        """Return what has arrived; nothing when the answer is over, or has not gone on after its finish reason."""
        if self._reader.is_over():
            return []
        if self._deadline is None and self._reader.finish is not None:
            self._deadline = asyncio.get_running_loop().time() + _AFTER_FINISH_SECONDS
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._body.take()
        except TimeoutError:
            return []

    def _read(self, arrived: Sequence[bytes]) -> Iterator[list[Chunk]]:
        """Yield what bytes say: step by step until there is text, then all at once."""
        said: list[Chunk] = []
        try:
            for step in self._steps(arrived):
                for frame in self._frames.feed(step):
                    said.extend(self._reader.read(frame))
                if self._reader.is_over():
                    break
                if not self._has_begun:
                    yield said
                    said = []
        except (NotRead, TooMuch):
            yield said
            raise
        yield said

    def _steps(self, arrived: Sequence[bytes]) -> Iterator[bytes]:
        for decoded in (step for chunk in arrived for step in self._decoder.steps(chunk)):
            start = 0
            while start < len(decoded):
                end = len(decoded) if self._has_begun else start + _FIRST_BYTES
                yield decoded[start:end]
                start = end


def _is_text(chunk: Chunk) -> bool:
    return bool(chunk.text or chunk.thinking or chunk.picture)


def _joined(chunks: list[Chunk]) -> Iterator[Chunk]:
    text: list[str] = []
    thinking: list[str] = []
    for chunk in chunks:
        if chunk.thinking and text:
            yield from _joined_chunk(text, thinking)
        if chunk.picture:
            yield from _joined_chunk(text, thinking)
            yield chunk
        text.append(chunk.text)
        thinking.append(chunk.thinking)
    yield from _joined_chunk(text, thinking)


def _joined_chunk(text: list[str], thinking: list[str]) -> Iterator[Chunk]:
    said, thought = "".join(text), "".join(thinking)
    text.clear()
    thinking.clear()
    if said or thought:
        yield Chunk(text=said, thinking=thought)
