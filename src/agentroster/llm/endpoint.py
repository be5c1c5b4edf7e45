"""Any OpenAI-compatible endpoint: OpenAI, Ollama's /v1, llama-server, vLLM."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from agentroster.errors import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefusedKey,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from agentroster.llm.completion import Choice, CompletionRequest, Delta, Piece
from agentroster.logs import redactor
from agentroster.net.dial import pace

_MOST_DETAIL = 300
_PACE_SECONDS = 0.035
OPERATORS = "the operator checks LLM_API_BASE and LLM_API_KEY"
"""Advice about the deployment's own model."""


class _Unreadable(Exception):
    """The other side does not speak the OpenAI wire."""


class Endpoint:
    """Speaks the OpenAI wire; keeps real status codes; never retries.

    Stands on the shared pool itself: redirects, cookies and authentication flows of a client have no place here.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        api_key: str,
        timeout_seconds: float,
        advice: str = OPERATORS,
    ) -> None:
        """`advice` says who mends a wrong address or key, and where."""
        self._advice = advice
        self._transport = transport
        self._url = httpx.URL(f"{base_url}/chat/completions")
        # Always explicit: no library default and no environment variable may send another key to this host.
        self._headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
        timeout = httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds))
        self._extensions = {"timeout": timeout.as_dict()}

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Piece]:
        """Yield the pieces of one answer. Raises an UpstreamError."""
        try:
            async with aclosing(await self._send(_body(request))) as response:
                if response.status_code != HTTPStatus.OK:
                    raise failure(response.status_code, await response.aread(), response.headers, self._advice)
                if response.headers.get("content-type", "").startswith("text/event-stream"):
                    async for piece in _read_events(response):
                        yield piece
                else:
                    yield _read_answer(await response.aread())
        except httpx.TimeoutException as error:
            raise UpstreamTimeout("The language model did not answer in time. Try again, or ask for less.") from error
        except httpx.TransportError as error:
            raise UpstreamUnavailable(
                f"The language model cannot be reached or broke off. Try again; if it stays so, {self._advice}."
            ) from error
        except _Unreadable as error:
            raise UpstreamError(f"The language model sent an answer that cannot be read: {self._advice}.") from error

    async def _send(self, body: dict[str, object]) -> httpx.Response:
        content = json.dumps(body).encode()
        request = httpx.Request("POST", self._url, headers=self._headers, content=content, extensions=self._extensions)
        return await self._transport.handle_async_request(request)


def _body(request: CompletionRequest) -> dict[str, object]:
    body: dict[str, object] = {"model": request.model, "messages": list(request.messages), **request.params}
    if request.tools:
        body["tools"] = list(request.tools)
    if request.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def _read_answer(raw: bytes) -> Piece:
    try:
        piece = Piece.model_validate_json(raw)
    except ValidationError as error:
        raise _Unreadable from error
    if not piece.choices or (message := piece.choices[0].message) is None:
        raise _Unreadable
    return Piece(choices=[Choice(delta=message, finish_reason=piece.choices[0].finish_reason)], usage=piece.usage)


async def _read_events(response: httpx.Response) -> AsyncIterator[Piece]:
    """Yield pieces, joining text that arrived in one read: at full speed that is a tenth of the work."""
    rest = b""
    complete = paced = False
    network = response.extensions.get("network_stream")
    try:
        async for chunk in response.aiter_bytes():
            *lines, rest = (rest + chunk).split(b"\n")
            pieces, done = _parse(lines)
            for piece in _joined(pieces):
                yield piece
            complete = complete or done or any(_finishes(piece) for piece in pieces)
            if not paced and any(_has_text(piece) for piece in pieces):
                # The first text is on its way; from now on a few pieces may come together.
                pace(network, _PACE_SECONDS)
                paced = True
            if done:
                return
    finally:
        pace(network, 0)
    if not complete:
        raise UpstreamUnavailable("The language model broke off in the middle of its answer. Try again.")


def _parse(lines: list[bytes]) -> tuple[list[Piece], bool]:
    pieces: list[Piece] = []
    for line in lines:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return pieces, True
        try:
            pieces.append(Piece.model_validate_json(data))
        except ValidationError as error:
            raise _Unreadable from error
        if data.startswith(b'{"error"'):
            raise failure(500, data, httpx.Headers())
    return pieces, False


def _has_text(piece: Piece) -> bool:
    return any(choice.delta.content or choice.delta.thinking for choice in piece.choices)


def _finishes(piece: Piece) -> bool:
    return any(choice.finish_reason for choice in piece.choices)


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    content: list[str] = []
    thinking: list[str] = []
    for piece in pieces:
        if piece.usage is None and len(piece.choices) == 1 and _is_text(piece.choices[0]):
            delta = piece.choices[0].delta
            content.append(delta.content or "")
            thinking.append(delta.thinking or "")
            continue
        yield from _text_piece(content, thinking)
        yield piece
    yield from _text_piece(content, thinking)


def _is_text(choice: Choice) -> bool:
    # Thinking and text in one piece stay together; a piece that ends or calls a tool is passed on as it is.
    return choice.finish_reason is None and not choice.delta.tool_calls


def _text_piece(content: list[str], thinking: list[str]) -> Iterator[Piece]:
    text, thought = "".join(content), "".join(thinking)
    content.clear()
    thinking.clear()
    if text or thought:
        yield Piece(choices=[Choice(delta=Delta(content=text or None, reasoning_content=thought or None))])


def failure(status: int, body: bytes, headers: httpx.Headers, advice: str = OPERATORS) -> UpstreamError:
    """Return the error that an upstream status means, keeping the status where it speaks to the client."""
    if status in {401, 403}:
        return UpstreamRefusedKey(f"The language model behind this agent refused its key (status {status}): {advice}.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = headers.get("retry-after")
        when = f"Try again in {wait} seconds." if wait and wait.isdigit() else "Try again a little later."
        return UpstreamRateLimited(
            f"The language model is overloaded or its quota is used up. {when}",
            retry_after=wait,
            retry_after_ms=headers.get("retry-after-ms"),
        )
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
        return UpstreamTimeout("The language model did not answer in time. Try again, or ask for less.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UpstreamUnavailable(
            f"The language model failed (status {status}). Try again a little later.", status=status
        )
    return UpstreamRejected(f"The language model refused the request (status {status}): {_detail(body)}", status=status)


def _detail(body: bytes) -> str:
    try:
        value: object = json.loads(body)
    except ValueError:
        return "it gave no reason."
    match value:
        case {"error": {"message": str(message)}} | {"error": str(message)} | {"message": str(message)}:
            # A server may quote what it was sent, the key included.
            return redactor.clean(message)[:_MOST_DETAIL]
        case _:
            return "it gave no reason."
