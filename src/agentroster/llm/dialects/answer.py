"""One answer of a model server, from its JSON values to chunks: every dialect that is known, read in one way."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.completion import Chunk, Message, ToolCall, Turn, Usage
from agentroster.llm.dialects.arguments import BadArguments
from agentroster.llm.dialects.calls import CallCollector, OpenCall, wire_call
from agentroster.llm.dialects.faults import Fault, find_fault
from agentroster.llm.dialects.frames import MAX_ANSWER_BYTES, Frame, TooMuch
from agentroster.llm.dialects.growth import NewText
from agentroster.llm.dialects.message import Said as ChunkSaid
from agentroster.llm.dialects.message import merge_kept, plain_text, read_choice, read_usage
from agentroster.llm.dialects.names import known_name, sendable_name
from agentroster.llm.dialects.spoken import SpokenCall, SpokenCalls
from agentroster.llm.dialects.thinking import Segment, ThinkingSplitter
from agentroster.messages import say

# A little more than a run says before it stops with a sentence of its own.
_MAX_TEXT = MAX_ANSWER_BYTES + 1_000_000
_USUAL_EVENTS = frozenset({"", "message"})


@dataclass(slots=True)
class AnswerReader:
    """Reads the values of one answer in order; `tools` are the parameters of each tool that was offered.

    `unopened` and `used_ids` are what is known of the model and of the conversation; see `ThinkingSplitter`, and ids,
    of which no two may be the same.
    """

    tools: Mapping[str, Mapping[str, Any]]
    unopened: bool | None = False
    used_ids: frozenset[str] = frozenset()
    fault: Fault | None = None
    is_done: bool = False
    finish: str | None = None
    usage: Usage | None = None
    has_choices: bool = False
    _size: int = 0
    is_whole: bool = False
    _text: NewText = field(default_factory=NewText)
    _thoughts: NewText = field(default_factory=NewText)
    _content: list[str] = field(default_factory=list[str])
    _pictures: list[str] = field(default_factory=list[str])
    _spoken: list[SpokenCall] = field(default_factory=list[SpokenCall])
    _kept: dict[str, object] = field(default_factory=dict[str, object])
    splitter: ThinkingSplitter = field(init=False)
    _words: SpokenCalls = field(init=False)
    _calls: CallCollector = field(init=False)

    def __post_init__(self) -> None:
        self.splitter = ThinkingSplitter(self.unopened)
        self._words = SpokenCalls(self.tools)
        self._calls = CallCollector(self.tools)

    def read(self, frame: Frame) -> Iterator[Chunk]:
        """Yield what a frame adds. A fault is kept in `fault`; nothing is read after one, or after the end."""
        if self.fault is not None or self.is_done:
            return
        if frame.done:
            self.is_done = True
            return
        if frame.event in _USUAL_EVENTS and (text := plain_text(frame.value)) is not None:
            self.has_choices = True
            yield from self._text_chunks(self._text.of(text))
            return
        for value in as_list(frame.value) if is_list(frame.value) else [frame.value]:
            fault = find_fault(value, frame.event)
            if is_object(value):
                yield from self._read_value(as_object(value), is_fault=fault is not None)
            if fault is not None:
                self.fault = fault
                return

    def _read_value(self, value: Mapping[str, object], *, is_fault: bool) -> Iterator[Chunk]:
        self.usage = read_usage(value) or self.usage
        said = read_choice(value)
        if said is None:
            return
        self.has_choices = self.has_choices or not is_fault
        self.is_whole = self.is_whole or said.is_whole
        if said.thinking and (thinking := self._thoughts.of(said.thinking)):
            self.splitter.settle()
            self._size += len(thinking)
            yield Chunk(thinking=thinking)
        if said.text:
            yield from self._text_chunks(self._text.rest_of(said.text) if said.is_whole else self._text.of(said.text))
        for url in said.pictures:
            # The last chunk's whole message may bring them once more.
            if url not in self._pictures:
                self._pictures.append(url)
                self._size += len(url)
                yield Chunk(picture=url)
        if not is_fault:
            self._take_calls(said)
            self.finish = said.finish or self.finish

    def _take_calls(self, said: ChunkSaid) -> None:
        if said.is_whole and self._calls.calls:
            return  # the last chunk's whole message says once more what came before
        self._calls.add_all(said.calls, are_whole=said.is_whole)
        if said.legacy_call and not said.calls:
            self._calls.add_legacy(said.legacy_call, is_whole=said.is_whole)
        if said.kept:
            merge_kept(self._kept, said.kept)

    def _text_chunks(self, text: str) -> Iterator[Chunk]:
        self._size += len(text)
        if self._size > _MAX_TEXT:
            raise TooMuch(say("llm.bound_of_text", megabytes=_MAX_TEXT // 1_000_000))
        yield from self._segment_chunks(self.splitter.feed(text) if text else ())

    def _segment_chunks(self, segments: Iterable[Segment]) -> Iterator[Chunk]:
        for segment in segments:
            if segment.is_thinking:
                yield Chunk(thinking=segment.text)
            else:
                yield from self._word_chunks(self._words.feed(segment.text))

    def _word_chunks(self, parts: Iterable[str | SpokenCall]) -> Iterator[Chunk]:
        for part in parts:
            if isinstance(part, SpokenCall):
                self._spoken.append(part)
            else:
                self._content.append(part)
                yield Chunk(text=part)

    def close(self) -> Iterator[Chunk]:
        """Yield what was held back, also before a fault."""
        if thinking := self._thoughts.close():
            yield Chunk(thinking=thinking)
        yield from self._text_chunks(self._text.close())
        yield from self._segment_chunks(self.splitter.close())
        yield from self._word_chunks(self._words.close(is_cut=self.finish == "length"))

    def has_ended(self) -> bool:
        """Whether the answer is known to be complete."""
        return self.is_done or self.finish is not None or self.is_whole

    def is_over(self) -> bool:
        """Whether nothing that may still come counts: after the end, a fault, or a whole message with its tokens."""
        is_complete = self.is_whole and self.finish is not None and self.usage is not None
        return self.is_done or self.fault is not None or is_complete

    def has_calls(self) -> bool:
        """Whether a tool call has begun."""
        return bool(self._calls.calls)

    def has_text(self) -> bool:
        """Whether the answer had words, by which a model shows how it thinks."""
        return bool("".join(self._content).strip())

    def last_piece(self) -> Chunk:
        """Return the end of an answer that is complete: how it ended, its tokens, its tool calls."""
        turn = self._turn()
        finish = "tool_calls" if turn else "stop" if self.finish in {None, "tool_calls"} else self.finish
        return Chunk(finish=finish, usage=self.usage, turn=turn)

    def _turn(self) -> Turn | None:
        used = set(self.used_ids)
        calls: list[ToolCall] = []
        wire: list[Message] = []
        for open_call in self._calls.distinct():
            if open_call.name or open_call.parts or open_call.whole:
                call = self._finished(open_call, used)
                calls.append(call)
                wire.append(wire_call(open_call, call.id, call.name, call.arguments))
        structured = [(call.name, call.arguments) for call in calls]
        # Some servers read the words, and leave them in the text as well.
        for said in (spoken for spoken in self._spoken if (spoken.name, spoken.arguments) not in structured):
            call = ToolCall(id=_fresh(used), name=said.name, arguments=said.arguments, error=said.error)
            calls.append(call)
            wire.append(wire_call(OpenCall(None), call.id, call.name, call.arguments))
        if not calls:
            return None
        content = "".join(self._content)
        message = {"role": "assistant", "content": content or None, **self._kept, "tool_calls": wire}
        return Turn(calls=tuple(calls), message=message)

    def _finished(self, open_call: OpenCall, used: set[str]) -> ToolCall:
        call_id = open_call.id if open_call.id and open_call.id not in used else _fresh(used)
        used.add(call_id)
        name = known_name(open_call.name, self.tools) or sendable_name(open_call.name)
        try:
            takes_none = not self.tools.get(name, {}).get("properties")
            return ToolCall(id=call_id, name=name, arguments=open_call.read(takes_none=takes_none))
        except BadArguments as error:
            return ToolCall(
                id=call_id, name=name, error=say("llm.call_cut_off_say_less") if self.finish == "length" else str(error)
            )


def _fresh(used: set[str]) -> str:
    # Nine letters and digits are what the strictest server takes.
    call_id = next(found for _ in range(100) if (found := uuid4().hex[:9]) not in used)
    used.add(call_id)
    return call_id
