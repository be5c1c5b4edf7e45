"""Answers `POST /v1/messages/count_tokens` for agents with an estimate: the model's tokenizer is not known.

A token is taken for four bytes of words in Latin letters, and for one letter of other scripts; a picture for 1,600,
the most that Anthropic states for one; each message, tool use and result for four more.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentroster.errors import NotAllowed
from agentroster.gateway.request_context import current
from agentroster.messages import say
from agentroster.web.error_forms import error_response

COUNT_PATH = "/v1/messages/count_tokens"
_LATIN = re.compile(r"[\x00-\u024f]+")
_BYTES_PER_TOKEN = 4
_PICTURE = 1_600
_ENVELOPE = 4


class TokenCount:
    """Answers for agents; a direct model's count is LiteLLM's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the inner app, unless an agent is asked about."""
        context = current.get()
        if scope["type"] != "http" or scope["path"] != COUNT_PATH or context is None or not context.is_run:
            await self._app(scope, receive, send)
            return
        model = context.model or ""
        if context.caller is not None and not context.caller.may(model):
            await error_response(NotAllowed(say("gateway.key_without_model", model=model)))(scope, receive, send)
            return
        # The request filter has read and cleaned the body: it comes as one message.
        body = json.loads((await receive())["body"])
        await JSONResponse({"input_tokens": estimate(body)})(scope, receive, send)


def estimate(body: Mapping[str, Any]) -> int:
    """Return about how many tokens a cleaned request of `/v1/messages` has."""
    messages = cast("list[Mapping[str, object]]", body.get("messages") or [])
    return _tokens(body.get("system")) + sum(_ENVELOPE + _tokens(message.get("content")) for message in messages)


def _tokens(value: object) -> int:
    if isinstance(value, str):
        latin = sum(len(text.encode()) for text in _LATIN.findall(value))
        return -(-latin // _BYTES_PER_TOKEN) + len(_LATIN.sub("", value))
    if isinstance(value, list):
        return sum(map(_tokens, cast("list[object]", value)))
    if not isinstance(value, Mapping):
        return 0
    return _block(cast("Mapping[str, object]", value))


def _block(block: Mapping[str, object]) -> int:
    match block.get("type"):
        case "image":
            return _PICTURE
        case "document":
            return _tokens(cast("Mapping[str, object]", block.get("source") or {}).get("data"))
        case "tool_use":
            given = json.dumps(block.get("input"), ensure_ascii=False)
            return _ENVELOPE + _tokens(block.get("name")) + _tokens(given)
        case _:
            return _tokens(block.get("text")) + _tokens(block.get("thinking")) + _tokens(block.get("content"))
