"""Turns the cards of an assistant's earlier answers back into tool calls and their results, in short.

A card is text that the client sends back. It counts only in an assistant's message, and only as `tool_card` writes it:
a person's own text that looks like one stays what it is. What it says is as little trusted as any other text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from agentroster.json_values import as_list, as_object
from agentroster.runs.presentation.tool_card import ReadCard, read_card, shortened

_OPENINGS = ('<details type="tool_calls"', '<details type="reasoning"', '<details type="code_interpreter"')
_CLOSING = "</details>"
_MAX_RESULT = 1_000
_FENCE, _FENCE_END = "```json\n", "\n```"
_COMPARED = 200

Piece: TypeAlias = str | ReadCard | Mapping[str, object]
"""A text, a card, or a part of a message that is no text."""


def has_cards(message: Mapping[str, object]) -> bool:
    """Whether a message of the assistant's may hold cards."""
    content = message.get("content")
    texts = [content] if isinstance(content, str) else [as_object(part).get("text") for part in as_list(content)]
    return message.get("role") == "assistant" and any(
        isinstance(text, str) and "<details type=" in text for text in texts
    )


def without_cards(message: Mapping[str, object]) -> Mapping[str, object]:
    """Return a message whose text has no card; the same object where it had none."""
    pieces = list(_pieces(message))
    if pieces == _given(message):
        return message
    return {**message, "content": _content([piece for piece in pieces if not isinstance(piece, ReadCard)], message)}


def with_calls(message: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return what an answer with cards was: words, calls and their results, and words again."""
    pieces = list(_pieces(message))
    if pieces == _given(message):
        return [message]
    messages: list[Mapping[str, object]] = []
    words: list[Piece] = []
    at = 0
    while at < len(pieces):
        cards: list[ReadCard] = []
        while at < len(pieces) and isinstance(card := pieces[at], ReadCard):
            cards.append(card)
            at += 1
        if cards:
            said = _content(words, message) or None
            messages.append({**message, "content": said, "tool_calls": list(map(_call, cards))})
            messages += map(_result, cards)
            words = []
            continue
        words.append(_unrepeated(pieces[at], messages))
        at += 1
    if any(words):
        messages.append({**message, "content": _content(words, message)})
    return messages


def _call(card: ReadCard) -> dict[str, object]:
    return {
        "id": card.call_id,
        "type": "function",
        "function": {"name": card.tool, "arguments": card.arguments},
    }


def _result(card: ReadCard) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": card.call_id, "content": shortened(card.result, _MAX_RESULT)}


def _unrepeated(piece: Piece, before: Sequence[Mapping[str, object]]) -> Piece:
    """Return words without the result of the call before them, which a command shows as JSON."""
    if not isinstance(piece, str) or not before:
        return piece
    start = piece.find(_FENCE)
    shown = start + len(_FENCE)
    end = piece.find(_FENCE_END, shown)
    result = str(before[-1].get("content"))[:_COMPARED]
    is_repeated = start != -1 and end != -1 and piece.startswith(result, shown)
    return (piece[:start] + piece[end + len(_FENCE_END) :]).strip() if is_repeated else piece


def _content(pieces: Sequence[Piece], message: Mapping[str, object]) -> object:
    if isinstance(message.get("content"), str):
        return "\n\n".join(piece.strip("\n") for piece in pieces if isinstance(piece, str) and piece.strip())
    return [{"type": "text", "text": piece} if isinstance(piece, str) else piece for piece in pieces if piece]


def _given(message: Mapping[str, object]) -> list[Any]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    return [text if isinstance(text := as_object(part).get("text"), str) else part for part in as_list(content)]


def _pieces(message: Mapping[str, object]) -> Iterator[Piece]:
    for piece in _given(message):
        if isinstance(piece, str) and "<details type=" in piece:
            yield from _cut(piece)
        else:
            yield piece


def _cut(text: str) -> Iterator[str | ReadCard]:
    """Yield words and cards; what else a client keeps closed is left out. By searching: no text makes it slow."""
    position = 0
    while (start := _next(text, position)) != -1:
        end = text.find(_CLOSING, start)
        if end == -1:
            break
        if words := text[position:start].rstrip():
            yield words.strip("\n")
        if card := read_card(text, start):
            yield card
        position = end + len(_CLOSING)
    if words := text[position:] if not position else text[position:].strip("\n"):
        yield words


def _next(text: str, position: int) -> int:
    # One search: three would each run to the end of the text for every card.
    while (start := text.find("<details type=", position)) != -1:
        if text.startswith(_OPENINGS, start):
            return start
        position = start + 1
    return -1
