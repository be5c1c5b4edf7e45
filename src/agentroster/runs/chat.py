"""One chat request as the agents understand it, and what a run gives back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agentroster.identity.caller import Caller
from agentroster.json_values import as_list, as_object
from agentroster.runs.attached_files import without_attachments

FinishReason: TypeAlias = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class PastedToken:
    """The text after `/token PROVIDER` in the last message; no message has it any more."""

    provider: str
    text: str = field(repr=False)


async def _always_ready() -> None:
    """Go on at once: the whole answer is gathered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A validated request: all client messages in OpenAI's form, and the parameters meant for the model.

    `task` names what Open WebUI asks for itself, such as a title; None for a person's message. `ready` returns when the
    client has read enough of what was emitted: whoever emits much waits for it in between.
    """

    agent: str
    caller: Caller
    messages: Sequence[Mapping[str, object]]
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    stream: bool = False
    pasted: PastedToken | None = None
    task: str | None = None
    ready: Callable[[], Awaitable[None]] = _always_ready

    @property
    def system(self) -> str:
        """The client's system and developer messages, joined."""
        return "\n\n".join(text for message in self.messages if _is_system(message) and (text := text_of(message)))

    @property
    def conversation(self) -> list[Mapping[str, object]]:
        """The messages that are not system messages."""
        return [message for message in self.messages if not _is_system(message)]

    @property
    def wants_object(self) -> bool:
        """Whether a program reads the answer, which asked for JSON."""
        return as_object(self.params.get("response_format")).get("type") not in (None, "text")

    @property
    def question(self) -> str:
        """The text of the last message, without attached files before it, when the user wrote it; else empty."""
        last = self.conversation[-1]
        return without_attachments(text_of(last)).strip() if last.get("role") == "user" else ""


@dataclass(frozen=True, slots=True)
class Text:
    """A part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A part of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a model made, as the address of its data (`data:image/png;base64,...`)."""

    url: str


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """The language model has been asked and has not said anything for a while."""


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The agent began to use a tool; `line` tells a person what it does."""

    call_id: str
    tool: str
    line: str


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """The counts of a tool that works through many items; `needs` of those done need the person."""

    call_id: str
    line: str
    done: int
    total: int
    needs: int = 0


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """A line about what a tool waits for."""

    call_id: str
    line: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool is done; `failed` when it could not do its work. `result` is what the model reads, without secrets."""

    call_id: str
    tool: str
    failed: bool
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    result: str = ""


@dataclass(frozen=True, slots=True)
class Folded:
    """A part of the answer, in Markdown, that a page shows closed below its title."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolPicture:
    """A small picture that a tool made, for a client that shows pictures; `alt` says what is in it."""

    alt: str
    media_type: str
    data: bytes = field(repr=False)


RunEvent: TypeAlias = (
    Text
    | Folded
    | Thinking
    | Picture
    | ModelAsked
    | ToolPicture
    | ToolStarted
    | ToolProgress
    | ToolStatus
    | ToolFinished
)
Emit: TypeAlias = Callable[[RunEvent], None]


@dataclass(slots=True)
class TokenCount:
    """Tokens of all model calls of a run, as the servers state them."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and what it used."""

    finish_reason: FinishReason
    tokens: TokenCount


def text_of(message: Mapping[str, object]) -> str:
    """Return the text of a message whose content is a text or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = [as_object(part).get("text") for part in as_list(content)]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _is_system(message: Mapping[str, object]) -> bool:
    return message.get("role") in {"system", "developer"}
