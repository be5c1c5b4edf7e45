"""Tries a model server as an agent uses it: whole and streamed answers, a tool loop, thinking, usage, a picture."""

import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from agentroster.errors import RosterError
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import CompletionRequest, Message, Piece, Turn, Usage
from agentroster.logs import redactor

State: TypeAlias = Literal["works", "fails", "not seen"]

_MAX_TOKENS = 1_000
_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "warehouse_stock",
        "description": "Say how many pieces of an article are in the warehouse.",
        "parameters": {
            "type": "object",
            "properties": {"article": {"type": "string", "description": "The article's name"}},
            "required": ["article"],
        },
    },
}
_STOCK = "417"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one trial; `note` says what was seen, or why it fails."""

    what: str
    state: State
    note: str


@dataclass(slots=True)
class _Answer:
    text: str = ""
    thinking: str = ""
    pieces: int = 0
    usage: Usage | None = None
    turn: Turn | None = None


async def check_model(choice: ModelChoice) -> AsyncIterator[Finding]:
    """Yield one finding after another; a trial that fails never stops the next one."""
    answers: list[_Answer] = []
    trials: tuple[tuple[str, Callable[[ModelChoice, list[_Answer]], Awaitable[Finding]]], ...] = (
        ("a whole answer", _whole),
        ("a streamed answer", _streamed),
        ("a tool loop", _tool_loop),
        ("thinking", _thinking),
        ("token counts", _usage),
        ("a picture", _picture),
    )
    for what, trial in trials:
        try:
            yield replace(await trial(choice, answers), what=what)
        except RosterError as error:
            yield Finding(what, "fails", redactor.clean(error.message))


async def _ask(
    choice: ModelChoice, answers: list[_Answer], messages: list[Message], *, stream: bool = False, tools: bool = False
) -> _Answer:
    request = CompletionRequest(
        model=choice.name,
        messages=messages,
        tools=(_TOOL,) if tools else (),
        params={"max_tokens": _MAX_TOKENS},
        stream=stream,
    )
    answer = _Answer()
    async for piece in choice.chat.complete(request):
        _add(answer, piece)
    answers.append(answer)
    return answer


def _add(answer: _Answer, piece: Piece) -> None:
    answer.text += piece.text
    answer.thinking += piece.thinking
    answer.pieces += bool(piece.text or piece.thinking)
    answer.usage = piece.usage or answer.usage
    answer.turn = piece.turn or answer.turn


def _user(content: object) -> Message:
    return {"role": "user", "content": content}


async def _whole(choice: ModelChoice, answers: list[_Answer]) -> Finding:
    answer = await _ask(choice, answers, [_user("Answer with the word OK.")])
    said = answer.text.strip()
    return Finding("", "works" if said else "fails", f"it says {said[:40]!r}" if said else "the answer is empty")


async def _streamed(choice: ModelChoice, answers: list[_Answer]) -> Finding:
    answer = await _ask(choice, answers, [_user("Count from one to ten, in words.")], stream=True)
    if not answer.text.strip():
        return Finding("", "fails", "the answer is empty")
    note = f"{answer.pieces} pieces" if answer.pieces > 1 else "all at once: people wait for the whole answer"
    return Finding("", "works", note)


async def _tool_loop(choice: ModelChoice, answers: list[_Answer]) -> Finding:
    messages = [_user("How many pieces of the article 'lantern' are in the warehouse? Use the tool.")]
    first = await _ask(choice, answers, messages, stream=True, tools=True)
    if first.turn is None:
        return Finding("", "fails", "it called no tool: take a model that can, or a template with tools")
    call = first.turn.calls[0]
    if call.error or "lantern" not in json.dumps(call.arguments).lower():
        return Finding("", "fails", f"the call has the arguments {json.dumps(call.arguments)[:60]}")
    results = [{"role": "tool", "tool_call_id": each.id, "content": _STOCK} for each in first.turn.calls]
    second = await _ask(choice, answers, [*messages, first.turn.message, *results], stream=True, tools=True)
    if _STOCK not in second.text:
        return Finding("", "fails", "the answer does not use what the tool said")
    return Finding("", "works", f"called {call.name}, and used what it said")


async def _thinking(_: ModelChoice, answers: list[_Answer]) -> Finding:
    characters = sum(len(answer.thinking) for answer in answers)
    return Finding("", "works" if characters else "not seen", f"{characters} characters" if characters else "none came")


async def _usage(_: ModelChoice, answers: list[_Answer]) -> Finding:
    counted = [answer for answer in answers if answer.usage is not None and answer.usage.prompt_tokens]
    if not counted:
        return Finding("", "not seen", "the server counts no tokens: usage of agents will be 0")
    return Finding("", "works", f"in {len(counted)} of {len(answers)} answers")


async def _picture(choice: ModelChoice, answers: list[_Answer]) -> Finding:
    parts = [
        {"type": "text", "text": "What colour is this picture? Answer with one word."},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(_red_png()).decode()}"}},
    ]
    answer = await _ask(choice, answers, [_user(parts)])
    seen = "red" in answer.text.lower()
    return Finding("", "works" if seen else "not seen", f"it says {answer.text.strip()[:40]!r}")


def _red_png(size: int = 32) -> bytes:
    """Return a red square. Source: PNG specification, third edition, chunks IHDR, IDAT and IEND."""
    row = b"\0" + b"\xff\0\0" * size

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * size)) + chunk(b"IEND", b"")
    )
