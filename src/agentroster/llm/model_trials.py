"""The trials of a model server: what agents need, and what they make use of where it is there."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import Chunk, CompletionRequest, Message, Turn, Usage
from agentroster.llm.trial_picture import LEFT, RIGHT, picture

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

Outcome: TypeAlias = tuple[str, bool]
"""What was seen, and whether it is as it should be."""


@dataclass(slots=True)
class Answer:
    """All chunks of one answer; `streamed` says how it was asked for."""

    streamed: bool
    text: str = ""
    thinking: str = ""
    chunks: int = 0
    finish: str = ""
    usage: Usage | None = None
    turn: Turn | None = None

    def add(self, chunk: Chunk) -> None:
        """Add a chunk."""
        self.text += chunk.text
        self.thinking += chunk.thinking
        self.chunks += bool(chunk.text or chunk.thinking)
        self.finish = chunk.finish or self.finish
        self.usage = chunk.usage or self.usage
        self.turn = chunk.turn or self.turn

    @property
    def emptiness(self) -> str:
        """Why there is no text, as far as that is known."""
        if self.finish == "length":
            return f"the answer is empty: its {_MAX_TOKENS} tokens went into thinking"
        return f"the answer is empty (finish reason {self.finish or 'none'})"


@dataclass(slots=True)
class Session:
    """One check: the model, and the answers that it gave so far."""

    choice: ModelChoice
    answers: list[Answer] = field(default_factory=list[Answer])

    async def ask(self, *messages: Message, stream: bool = False, tools: bool = False) -> Answer:
        """Ask once. Raises an UpstreamError."""
        request = CompletionRequest(
            model=self.choice.name,
            messages=messages,
            tools=(_TOOL,) if tools else (),
            params={"max_tokens": _MAX_TOKENS},
            stream=stream,
        )
        answer = Answer(stream)
        async for chunk in self.choice.chat.complete(request):
            answer.add(chunk)
        self.answers.append(answer)
        return answer


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing to try; `is_needed` marks what agents cannot work without."""

    what: str
    run: Callable[[Session], Awaitable[Outcome]]
    is_needed: bool = False


def _user(content: object) -> Message:
    return {"role": "user", "content": content}


def _quoted(text: str) -> str:
    return f"it says {text.strip()[:40]!r}"


async def _whole(session: Session) -> Outcome:
    answer = await session.ask(_user("Answer with the word OK."))
    return (_quoted(answer.text), True) if answer.text.strip() else (answer.emptiness, False)


async def _streamed(session: Session) -> Outcome:
    answer = await session.ask(_user("Count from one to ten, in words."), stream=True)
    if not answer.text.strip():
        return answer.emptiness, False
    return (
        f"{answer.chunks} pieces" if answer.chunks > 1 else "in one piece: people may wait for the whole answer",
        True,
    )


async def _tool_loop(session: Session) -> Outcome:
    messages: list[Message] = [
        {"role": "system", "content": "You look after a warehouse. Ask the tool, never guess."},
        _user("How many pieces of the article 'lantern' are in the warehouse? Use the tool."),
    ]
    first = await session.ask(*messages, stream=True, tools=True)
    if first.turn is None:
        said = _quoted(first.text) if first.text.strip() else first.emptiness
        return f"it called no tool ({said}): take a model that can, or a chat template with tools", False
    call = first.turn.calls[0]
    if call.error:
        return f"its call cannot be run: {call.error}", False
    if "lantern" not in json.dumps(call.arguments).lower():
        return f"its call has the arguments {json.dumps(call.arguments)[:60]}", False
    results = [{"role": "tool", "tool_call_id": each.id, "content": _STOCK} for each in first.turn.calls]
    second = await session.ask(*messages, first.turn.message, *results, stream=True, tools=True)
    if second.turn is not None:
        return "it calls the tool again in place of using what it said", False
    if _STOCK not in second.text:
        return f"the answer does not use what the tool said: {_quoted(second.text)}", False
    return f"called {call.name}, and used what it said", True


async def _thinking(session: Session) -> Outcome:
    characters = sum(len(answer.thinking) for answer in session.answers)
    return (f"{characters} characters", True) if characters else ("none came", False)


async def _usage(session: Session) -> Outcome:
    uncounted = {answer.streamed for answer in session.answers if not (answer.usage and answer.usage.prompt_tokens)}
    if uncounted == {True}:
        return "not in streamed answers: usage of agents will be 0 there", False
    if uncounted == {False}:
        return "not in whole answers: usage of agents will be 0 there", False
    if uncounted:
        return "the server counts no tokens, or not always: usage of agents will be 0 or too low", False
    return f"in all {len(session.answers)} answers", True


async def _picture(session: Session) -> Outcome:
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    question = "Which two colours does this picture have? Answer with two words: the left one, then the right one."
    answer = await session.ask(
        _user([{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}])
    )
    words = re.findall(r"[a-z]+", answer.text.lower())
    return _quoted(answer.text), LEFT in words and RIGHT in words


TRIALS = (
    Trial("a whole answer", _whole, is_needed=True),
    Trial("a streamed answer", _streamed, is_needed=True),
    Trial("a tool loop", _tool_loop, is_needed=True),
    Trial("thinking", _thinking),
    Trial("token counts", _usage),
    Trial("a picture", _picture),
)
