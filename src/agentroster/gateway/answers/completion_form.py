"""Writes answers in the form of OpenAI's chat completions.

Source: OpenAI's API reference, "The chat completion object" and "The chat completion chunk object"; a status line is a
chunk with a top-level `event`, which Open WebUI reads.
"""

import json
import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

from agentroster.runs.chat import Picture, RunResult, Text, Thinking, TokenCount
from agentroster.runs.presentation.activity import Shown, Status

_EMPTY = '"choices":[{"index":0,"delta":{},"finish_reason":null}]'
DONE = b"data: [DONE]\n\n"
# Raw line ends of Unicode: clients that cut a stream into lines as Python does would cut JSON in two.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class ChunkWriter:
    """Writes the chunks of one stream, each a frame of server-sent events."""

    def __init__(self, model: str) -> None:
        head = {"id": f"chatcmpl-{uuid4().hex}", "object": "chat.completion.chunk"}
        self._head = to_json({**head, "created": int(time.time()), "model": model})[:-1]
        self._role = '"role":"assistant",'

    def chunk(self, shown: Shown) -> bytes:
        """Return the chunk that shows something."""
        match shown:
            case Text(text):
                return self._delta(f'"content":{to_json(sendable(text))}')
            case Thinking(text):
                return self._delta(f'"reasoning_content":{to_json(sendable(text))}')
            case Picture(url):
                return self._delta(f'"images":{to_json(images_of([url]))}')
            case Status():
                return self._frame(f'{_EMPTY},"event":{to_json(status_of(shown))}')

    def last(self, result: RunResult, *, with_usage: bool) -> bytes:
        """Return the frames that end a stream; the usage, where it was asked for, is a chunk without choices."""
        finish = f'{{"index":0,"delta":{{}},"finish_reason":"{result.finish_reason}"}}'
        frames = self._frame(f'"choices":[{finish}]')
        if with_usage:
            frames += self._frame(f'"choices":[],"usage":{to_json(usage_of(result.tokens))}')
        return frames + DONE

    def _delta(self, delta: str) -> bytes:
        role, self._role = self._role, ""
        return self._frame(f'"choices":[{{"index":0,"delta":{{{role}{delta}}},"finish_reason":null}}]')

    def _frame(self, fields: str) -> bytes:
        return f"data: {self._head},{fields}}}\n\n".encode()


def completion(model: str, shown: Sequence[Shown], result: RunResult) -> dict[str, object]:
    """Return a whole answer; thinking stands beside the text, and status lines are left out."""
    text, thinking = said(shown)
    message: dict[str, object] = {"role": "assistant", "content": text}
    message |= {"reasoning_content": thinking} if thinking else {}
    message |= {"images": images} if (images := images_of(pictures(shown))) else {}
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": result.finish_reason}],
        "usage": usage_of(result.tokens),
    }


def said(shown: Sequence[Shown]) -> tuple[str, str]:
    """Return the text and the thinking of a whole answer."""
    text = "".join(part.text for part in shown if isinstance(part, Text))
    thinking = "".join(part.text for part in shown if isinstance(part, Thinking))
    return sendable(text), sendable(thinking)


def pictures(shown: Sequence[Shown]) -> list[str]:
    """Return the addresses of the pictures of a whole answer."""
    return [part.url for part in shown if isinstance(part, Picture)]


def images_of(urls: Sequence[str]) -> list[dict[str, object]]:
    """Return pictures in the form of OpenRouter's and LiteLLM's `images`, which Open WebUI reads.

    Source: https://openrouter.ai/docs/guides/overview/multimodal/image-generation
    """
    return [{"type": "image_url", "index": at, "image_url": {"url": url}} for at, url in enumerate(urls)]


def status_of(status: Status) -> Mapping[str, object]:
    """Return a status line as an event of Open WebUI's.

    It is `done` also while work goes on: the page lets any other line shimmer until the next one, and after Stop, which
    closes the connection, no line could ever end that.
    """
    return {"type": "status", "data": {"description": sendable(status.description), "done": True}}


def usage_of(tokens: TokenCount) -> dict[str, object]:
    """Return the tokens of a run."""
    return {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


def sendable(text: str) -> str:
    """Return the text without half surrogate pairs: models and sidecars have them, and they would end the answer."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def to_json(value: object) -> str:
    """Return a value as JSON on one line, whatever is meant by a line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.translate(_LINE_ENDS)
