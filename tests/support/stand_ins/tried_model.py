"""A model server for `roster model check`, as good or as bad as a test wants it.

It is as strict as the other stand-in (`model_server.check`), and answers what the trials ask.
"""

import base64
import zlib
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.stand_ins.model_server import KEY, USAGE, Refused, answer, check, delta, failure, tool_call, words


@dataclass
class TriedModel:
    """What it can; `refuses` are fields of a body that it does not know."""

    calls_tools: bool = True
    arguments: str = '{"article": "lantern"}'
    counts_streams: bool = True
    thinks: bool = True
    sees: bool = True
    guesses: str = "red"
    refuses: frozenset[str] = frozenset()
    status: int = 0
    says: str = ""
    reason: str = "scripted failure"
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        """Serve POST /v1/chat/completions."""
        return Starlette(routes=[Route("/v1/chat/completions", self._chat, methods=["POST"])])

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return failure(401, f"Incorrect API key provided: {request.headers.get('authorization')}")
        if self.status:
            return failure(self.status, self.reason)
        try:
            check(body)
        except Refused as error:
            return failure(error.status, str(error))
        for name in self.refuses & set(body):
            return failure(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> Response:
        last = body["messages"][-1]
        usage = USAGE if self.counts_streams or not body.get("stream") else None
        if last["role"] == "tool":
            return self._say(body, f"There are {last['content']} lanterns.", usage)
        if body.get("tools") and self.calls_tools:
            return answer(body, tool_call("warehouse_stock", self.arguments), "tool_calls", usage)
        if isinstance(last["content"], list):
            return self._look(body, last["content"], usage)
        counting = "one two three four five six seven eight nine ten"
        return self._say(body, self.says or (counting if "Count" in last["content"] else "OK"), usage)

    def _look(self, body: dict[str, Any], parts: list[dict[str, Any]], usage: dict[str, Any] | None) -> Response:
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        if not self.sees:
            return self._say(body, self.guesses, usage)
        first, last = halves(base64.b64decode(url.removeprefix("data:image/png;base64,")))
        return self._say(body, f"{first}, {last}", usage)

    def _say(self, body: dict[str, Any], text: str, usage: dict[str, Any] | None) -> Response:
        thinking = [delta(reasoning_content="Let me think.")] if self.thinks else []
        return answer(body, [*thinking, *(delta(content=word) for word in words(text))], usage=usage)


def halves(png: bytes) -> tuple[str, str]:
    """Look at a picture: the names of the colours at the left and at the right."""
    names = {b"\x00\x80\x00": "green", b"\xff\xff\x00": "yellow", b"\xff\x00\x00": "red"}
    at = png.index(b"IDAT")
    row = zlib.decompress(png[at + 4 : at + 4 + int.from_bytes(png[at - 4 : at])])
    width = int.from_bytes(png[16:20])
    return names[row[1:4]], names[row[3 * width - 2 : 3 * width + 1]]
