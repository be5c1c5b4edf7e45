"""A strict stand-in for an OpenAI-compatible model server.

Source: OpenAI's API reference for chat completions. It refuses what the real one refuses: a missing key, unknown
fields, system messages out of place, tool messages nobody asked for. What it answers is scripted by a line in the last
user message: `script: NAME [ARGUMENT]`; the model name `slow-...` and others need no script.

Questions for a JSON object are answered from the queue `structured`, and refused where `refused_formats` says so: LM
Studio refuses `json_object`, other servers `json_schema`. A model called `new-...` refuses `max_tokens`, as those of
OpenAI do.
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.stand_ins.at_once import AtOnce

KEY = "upstream-canary-key-5f2d9c71e8"
FIELDS = {
    "model", "messages", "tools", "tool_choice", "temperature", "max_tokens", "max_completion_tokens", "top_p", "stop",
    "seed", "response_format", "reasoning_effort", "stream", "stream_options", "presence_penalty", "frequency_penalty",
    "user", "n",
}  # fmt: skip
ROLES = {"system", "developer", "user", "assistant", "tool"}


class Refused(Exception):
    """A request the real API would refuse."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Structured:
    """One answer to a question for an object: its raw text, or a failure."""

    content: str = ""
    finish: str = "stop"
    thinking: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False


class ModelServer:
    """Answers by script and remembers each request."""

    def __init__(self) -> None:
        self.keys = {KEY}
        self.next_status = 0
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = threading.Event()
        self.written = 0
        self.hanging = threading.Event()
        self.release = threading.Event()
        self.structured: list[Structured] = []
        self.refused_formats: dict[str, int] = {}
        self.hold: threading.Event | None = None
        self.at_once = AtOnce()
        self.app = Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])])

    def reset(self) -> None:
        """Forget earlier requests."""
        self.next_status = self.written = 0
        self.requests.clear()
        self.headers.clear()
        self.structured.clear()
        self.refused_formats.clear()
        self.hold, self.at_once = None, AtOnce()
        # New ones: a call that an earlier test left behind must not be taken for one of this test.
        self.cancelled, self.hanging, self.release = threading.Event(), threading.Event(), threading.Event()

    async def chat(self, request: Request) -> Response:
        """Serve POST /v1/chat/completions."""
        try:
            if request.headers.get("authorization") not in {f"Bearer {key}" for key in self.keys}:
                raise Refused("Incorrect API key provided.", 401)
            body = await request.json()
            check(body)
        except Refused as error:
            return failure(error.status, str(error))
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if self.next_status:
            return failure(self.next_status, "scripted failure")
        if asks_for_object(body):
            return await self._structured(request, body)
        name, argument = script_of(body)
        if name == "hang" and not argument:
            return await self._hang_until_gone(request)
        return await self._scripts()[name](body, argument)

    async def _structured(self, request: Request, body: dict[str, Any]) -> Response:
        """Answer as the queue says; with nothing in it, with the emptiest object that fits."""
        kind = (body.get("response_format") or {}).get("type", "text")
        if kind in self.refused_formats:
            return failure(self.refused_formats[kind], "I have never heard of such a thing")
        if self.hold is not None:
            with self.at_once.counted():
                await asyncio.to_thread(self.hold.wait, 30)
        wanted = self.structured.pop(0) if self.structured else Structured(emptiest(body))
        if wanted.hangs:
            return await self._hang_until_gone(request)
        if wanted.status != 200:
            response = failure(wanted.status, "scripted failure")
            response.headers.update(wanted.headers)
            return response
        thinking = [delta(reasoning_content=wanted.thinking)] if wanted.thinking else []
        return answer(body, [*thinking, delta(content=wanted.content)], wanted.finish)

    def _scripts(self) -> dict[str, Callable[[dict[str, Any], str], Any]]:
        return {
            "say": self._say,
            "status": self._status,
            "think": self._think,
            "tool": self._tool,
            "tools": self._tools,
            "loop": self._loop,
            "hang": self._hang,
            "silent": self._silent,
            "draw": self._draw,
            "break": self._break,
            "pieces": self._pieces,
            "cut": self._cut,
            "gated": self._gated,
            "garbage": self._garbage,
            "no-usage": self._no_usage,
            "event-error": self._event_error,
            "echo-key": self._echo_key,
            "parts": self._parts,
            "thoughts": self._thoughts,
            "events": self._events,
            "endless": self._endless,
        }

    async def _say(self, body: dict[str, Any], argument: str) -> Response:
        return answer(body, [delta(content=word) for word in words(argument or "Hello from the model.")])

    async def _think(self, body: dict[str, Any], argument: str) -> Response:
        return answer(
            body,
            [delta(reasoning_content="Let me "), delta(reasoning_content="think."), delta(content=argument or "Done.")],
        )

    async def _status(self, _body: dict[str, Any], argument: str) -> Response:
        status, _, retry_after = argument.partition(" ")
        response = failure(int(status), f"scripted failure {status}")
        if retry_after:
            response.headers["retry-after"] = retry_after
        return response

    async def _echo_key(self, _body: dict[str, Any], _argument: str) -> Response:
        return failure(400, f"Bad request with Authorization: Bearer {KEY}")

    async def _tool(self, body: dict[str, Any], argument: str) -> Response:
        """Call `NAME {json}`, then say what the tool returned."""
        if body["messages"][-1]["role"] == "tool":
            return answer(body, [delta(content="The tool said: "), delta(content=str(body["messages"][-1]["content"]))])
        name, _, arguments = argument.partition(" ")
        return answer(body, tool_call(name, arguments or "{}"), "tool_calls")

    async def _tools(self, body: dict[str, Any], argument: str) -> Response:
        """Call each `[name, arguments]` of a JSON list in turn, then say what they returned.

        `<result>` in arguments stands for what the call before returned, encoded for an address. In the place of a call
        `["fail", {}]` answers with status 500.
        """
        plan, results = json.loads(argument), results_of(body)
        if len(results) == len(plan):
            return answer(body, [delta(content="The tools said: "), delta(content="\n".join(results))])
        name, arguments = plan[len(results)]
        if name == "fail":
            return failure(500, "scripted failure")
        filled = json.dumps(arguments).replace("<result>", quote(results[-1], safe="") if results else "")
        return answer(body, tool_call(name, filled), "tool_calls")

    async def _loop(self, body: dict[str, Any], argument: str) -> Response:
        """Call the same tool for ever."""
        name, _, arguments = argument.partition(" ")
        return answer(body, tool_call(name, arguments or "{}"), "tool_calls")

    async def _hang_until_gone(self, request: Request) -> Response:
        """Never answer; notice when the client goes away, which Starlette leaves to the endpoint."""
        cancelled = self.cancelled
        self.hanging.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        cancelled.set()
        return Response()

    async def _hang(self, body: dict[str, Any], argument: str) -> Response:
        """`hang WORDS`: stream some words, then only signs of life, so that no time limit of the proxy ends it.

        Of a whole answer only the signs of life come, which are spaces before its JSON.
        """
        if not body.get("stream"):
            return StreamingResponse(self._signs_of_life(b" "), media_type="application/json")
        return StreamingResponse(self._hanging_stream(body, argument), media_type="text/event-stream")

    async def _hanging_stream(self, body: dict[str, Any], argument: str) -> AsyncIterator[bytes]:
        for word in words(argument):
            yield event(chunk(body, delta(content=word)))
        async for sign in self._signs_of_life(b": still here\n\n"):
            yield sign

    async def _signs_of_life(self, sign: bytes) -> AsyncIterator[bytes]:
        cancelled = self.cancelled
        self.hanging.set()
        try:
            for _ in range(120):
                await asyncio.sleep(0.5)
                yield sign
        finally:
            cancelled.set()

    async def _silent(self, body: dict[str, Any], argument: str) -> Response:
        """`silent WORDS`: say nothing until the test says so, then the words."""
        release = self.release

        async def stream() -> AsyncIterator[bytes]:
            self.hanging.set()
            while not release.is_set():
                yield b": alive\n\n"
                await asyncio.sleep(0.05)
            for word in words(argument):
                yield event(chunk(body, delta(content=word)))
            yield event(chunk(body, {}, "stop"))
            yield b"data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _draw(self, body: dict[str, Any], argument: str) -> Response:
        """`draw ADDRESS`: a picture between two words, as OpenRouter sends it."""
        image = {"type": "image_url", "image_url": {"url": argument}, "index": 0}
        if body.get("stream"):
            return answer(body, [delta(content="Here "), delta(content="", images=[image]), delta(content="it is.")])
        return answer(body, [delta(content="Here it is.", images=[image])])

    async def _gated(self, body: dict[str, Any], argument: str) -> Response:
        """Stream one word, and the rest once the test says so."""
        release = self.release

        async def stream() -> AsyncIterator[bytes]:
            first, *rest = words(argument)
            yield event(chunk(body, delta(content=first)))
            await asyncio.to_thread(release.wait, 20)
            for word in rest:
                yield event(chunk(body, delta(content=word)))
            yield event(chunk(body, {}, "stop"))
            yield b"data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _break(self, body: dict[str, Any], argument: str) -> Response:
        """Stream some words and end without a finish reason."""

        async def stream() -> AsyncIterator[bytes]:
            for word in words(argument or "half an"):
                yield event(chunk(body, delta(content=word)))

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _event_error(self, body: dict[str, Any], _argument: str) -> Response:
        async def stream() -> AsyncIterator[bytes]:
            yield event(chunk(body, delta(content="some ")))
            yield b'data: {"error": {"message": "the GPU is gone", "code": 500}}\n\n'

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _pieces(self, body: dict[str, Any], argument: str) -> Response:
        """`pieces COUNT [PER_SECOND]`: many pieces, at full speed or paced."""
        count, _, rate = argument.partition(" ")
        pause = 1 / float(rate) if rate else 0.0
        if not body.get("stream"):
            return answer(body, [delta(content=f"w{number} ") for number in range(int(count))])

        async def stream() -> AsyncIterator[bytes]:
            for number in range(int(count)):
                yield event(chunk(body, delta(content=f"w{number} ")))
                if pause:
                    await asyncio.sleep(pause)
            yield event(chunk(body, {}, "stop"))
            yield event({**chunk(body, None), "choices": [], "usage": USAGE})
            yield b"data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _parts(self, body: dict[str, Any], argument: str) -> Response:
        """`parts ["one ", "two"]`: pieces as they are."""
        return answer(body, [delta(content=part) for part in json.loads(argument)])

    async def _thoughts(self, body: dict[str, Any], argument: str) -> Response:
        """The same as thinking, before one word."""
        return answer(body, [*(delta(reasoning_content=part) for part in json.loads(argument)), delta(content="Done.")])

    async def _events(self, body: dict[str, Any], argument: str) -> Response:
        """Stream a word in chunks that have a field `event`, in every place where one could be."""
        orders = json.loads(argument)

        async def stream() -> AsyncIterator[bytes]:
            yield event({**chunk(body, delta(content="word", event=orders)), "event": orders, "sources": [orders]})
            yield event({"choices": [], "event": orders, "id": "x", "object": "chat.completion.chunk", "created": 1})
            yield event({**chunk(body, {}, "stop"), "provider_specific_fields": {"event": orders}})
            yield b"data: [DONE]\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _endless(self, body: dict[str, Any], _argument: str) -> Response:
        """Stream for ever; `written` counts the characters."""
        piece = "word " * 2_000
        cancelled = self.cancelled

        async def stream() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield event(chunk(body, delta(content=piece)))
                    self.written += len(piece)
                    self.hanging.set()
                    await asyncio.sleep(0)
            finally:
                cancelled.set()

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _cut(self, body: dict[str, Any], _argument: str) -> Response:
        return answer(body, [delta(content="as far as")], "length")

    async def _garbage(self, _body: dict[str, Any], _argument: str) -> Response:
        return Response("<html>It works!</html>", media_type="text/html")

    async def _no_usage(self, body: dict[str, Any], _argument: str) -> Response:
        return answer(body, [delta(content="no numbers")], usage=None)


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 7,
    "total_tokens": 107,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


def check(body: dict[str, Any]) -> None:
    """Refuse what OpenAI refuses."""
    if unknown := set(body) - FIELDS:
        raise Refused(f"Unrecognized request argument supplied: {', '.join(sorted(unknown))}")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused("[] is too short - 'messages'")
    check_order(messages)
    for tool in body.get("tools") or []:
        if tool.get("type") != "function" or "name" not in tool.get("function", {}):
            raise Refused("Invalid tools")

    check_limits(body)
    if asks_for_object(body):
        check_format(body.get("response_format"), messages)


def check_limits(body: dict[str, Any]) -> None:
    """Refuse what OpenAI's newer models refuse; `taciturn-` ones do not say what it was."""
    if str(body["model"]).startswith("new-"):
        for name in ("max_tokens", "temperature"):
            if name in body:
                raise Refused(f"Unsupported parameter: '{name}' is not supported with this model.")
    if str(body["model"]).startswith("taciturn-") and "temperature" in body:
        raise Refused("The request is not valid.")


def check_format(wanted: Any, messages: list[dict[str, Any]]) -> None:
    """Refuse a form of answer that OpenAI refuses."""
    match wanted:
        case None | {"type": "text"}:
            return
        case {"type": "json_object"}:
            if not any("json" in str(message.get("content")).lower() for message in messages):
                raise Refused("'messages' must contain the word 'json' in some form")
        case {"type": "json_schema", "json_schema": {"name": str(name), "strict": True, "schema": dict(schema)}}:
            if not re.fullmatch(r"[\w-]{1,64}", name):
                raise Refused("Invalid 'response_format.json_schema.name'")
            check_strict(schema)
        case _:
            raise Refused("Invalid value for 'response_format'")


def check_strict(schema: dict[str, Any]) -> None:
    """Refuse a schema that the strict mode refuses."""
    if bad := set(schema) & {"minLength", "maxLength", "uniqueItems", "default", "not", "$schema"}:
        raise Refused(f"Invalid schema: '{bad.pop()}' is not permitted.")
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise Refused("'additionalProperties' is required to be supplied and to be false.")
        if set(schema.get("required", [])) != set(schema["properties"]):
            raise Refused("'required' is required to be an array including every key in properties.")
        for inner in schema["properties"].values():
            check_strict(inner)
    if schema.get("type") == "array":
        check_strict(schema["items"])


def asks_for_object(body: dict[str, Any]) -> bool:
    """Whether this is one of our questions for an object, in whatever form."""
    system = str(body["messages"][0].get("content")) if body["messages"][0]["role"] == "system" else ""
    return "Answer with one JSON object" in system


def emptiest(body: dict[str, Any]) -> str:
    """Return an object that fits the schema and says nothing."""
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {"properties": {}})
    return json.dumps({name: [] if inner["type"] == "array" else "" for name, inner in schema["properties"].items()})


def check_order(messages: list[dict[str, Any]]) -> None:
    """Refuse messages in an order OpenAI refuses."""
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ROLES:
            raise Refused(f"Invalid value: '{role}' for messages[{index}].role")
        if role in {"system", "developer"} and index > 0:
            raise Refused("System message must be at the beginning.")
        if role == "tool" and message.get("tool_call_id") not in open_calls:
            raise Refused("messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.")
        if role != "tool" and open_calls:
            raise Refused(f"tool_call_ids did not have response messages: {', '.join(open_calls)}")
        if message.get("content") is None and not message.get("tool_calls"):
            raise Refused(f"messages[{index}].content is null")
        open_calls.discard(message.get("tool_call_id", ""))
        open_calls |= {call["id"] for call in message.get("tool_calls") or []}


def script_of(body: dict[str, Any]) -> tuple[str, str]:
    """Return the script's name and argument."""
    for message in reversed(body["messages"]):
        if message["role"] != "user":
            continue
        content = message["content"]
        text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
        for line in text.split("\n"):
            if line.startswith("script: "):
                name, _, argument = line.removeprefix("script: ").partition(" ")
                return name, argument
        break
    return "say", ""


def results_of(body: dict[str, Any]) -> list[str]:
    """Return what the tools returned since the last user message."""
    results: list[str] = []
    for message in body["messages"]:
        results = [] if message["role"] == "user" else results
        if message["role"] == "tool":
            results.append(str(message["content"]))
    return results


def words(text: str) -> list[str]:
    """Split so that the pieces join to the text."""
    return [f"{word} " for word in text.split()[:-1]] + text.split()[-1:]


def delta(**fields: Any) -> dict[str, Any]:
    return fields


def tool_call(name: str, arguments: str) -> list[dict[str, Any]]:
    """Return a call whose arguments come in two fragments, as real servers send them."""
    half = len(arguments) // 2
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments[:half]}}
    return [delta(tool_calls=[first]), delta(tool_calls=[{"index": 0, "function": {"arguments": arguments[half:]}}])]


def chunk(body: dict[str, Any], change: dict[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": change, "finish_reason": finish}
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
    }


def event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "stub_error", "param": None, "code": None}}, status)


def answer(
    body: dict[str, Any], deltas: list[dict[str, Any]], finish: str = "stop", usage: dict[str, Any] | None = USAGE
) -> Response:
    """Answer as a stream or as a whole, as the request asks."""
    if not body.get("stream"):
        return JSONResponse(_whole(body, deltas, finish, usage))

    async def stream() -> AsyncIterator[bytes]:
        for change in deltas:
            yield event(chunk(body, change))
        yield event(chunk(body, {}, finish))
        if usage and (body.get("stream_options") or {}).get("include_usage"):
            yield event({**chunk(body, None), "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


def _whole(
    body: dict[str, Any], deltas: list[dict[str, Any]], finish: str, usage: dict[str, Any] | None
) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(part.get("content") or "" for part in deltas) or None,
    }
    thinking = "".join(part.get("reasoning_content", "") for part in deltas)
    if thinking:
        message["reasoning_content"] = thinking
    if images := [image for part in deltas for image in part.get("images", [])]:
        message["images"] = images
    fragments = [fragment for part in deltas for fragment in part.get("tool_calls", [])]
    if fragments:
        call: dict[str, Any] = {
            "id": fragments[0]["id"],
            "type": "function",
            "function": {"name": fragments[0]["function"]["name"]},
        }
        call["function"]["arguments"] = "".join(fragment["function"]["arguments"] for fragment in fragments)
        message["tool_calls"] = [call]
    whole = {"id": "chatcmpl-stub", "object": "chat.completion", "created": 1, "model": body["model"]}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    return whole | ({"usage": usage} if usage else {})
