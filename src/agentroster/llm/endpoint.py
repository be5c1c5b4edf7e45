"""Any OpenAI-compatible endpoint: OpenAI, Ollama's /v1, llama-server, vLLM; their dialects are in `llm/dialects`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx

from agentroster.errors import (
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefusedKey,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from agentroster.llm.address import address_of, cause_of
from agentroster.llm.answer_stream import AnswerStream
from agentroster.llm.completion import Chunk, CompletionRequest
from agentroster.llm.dialects.answer import AnswerReader
from agentroster.llm.dialects.body import error_bytes
from agentroster.llm.dialects.calls import names_of
from agentroster.llm.dialects.faults import Fault, is_about_the_request, reason_in, reason_of
from agentroster.llm.dialects.frames import NotRead, TooMuch
from agentroster.llm.dialects.habits import HabitMemory, Habits
from agentroster.llm.dialects.outgoing import body_of, encoded
from agentroster.llm.dialects.refusals import MAX_TRIES, another_way
from agentroster.llm.dialects.thinking import may_think_unopened
from agentroster.logs import redactor
from agentroster.net.response_body import reading

logger = logging.getLogger(__name__)

# A closed connection says so at once; whoever ends one later has begun to work.
_STALE_SECONDS = 0.25
OPERATORS = "the operator checks LLM_API_BASE and LLM_API_KEY"
"""Advice about the deployment's own model."""
_ADDRESS_ONLY = {OPERATORS: "the operator checks LLM_API_BASE"}


class _Refused(Exception):
    """The server refused the request before it answered; `way` is another way to ask, if there is one."""

    def __init__(self, error: UpstreamError, way: Habits | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.way = way


class Endpoint:
    """Speaks the OpenAI wire in every known dialect, and keeps real status codes.

    A request that is refused for its form, before any piece came, is asked once more in another form; that is no second
    run, because nothing has run. Stands on the shared pool itself: redirects, cookies and authentication flows of a
    client have no place here.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that differs between servers
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        api_key: str,
        timeout_seconds: float,
        memory: HabitMemory | None = None,
        advice: str = OPERATORS,
        name: str = "its server",
    ) -> None:
        """`advice` says who mends a wrong address or key, and where; `memory` what servers are known to want.

        `name` is what a person is told of the server, beside its address.
        """
        self._advice = advice
        self._server = f"{name} at {address_of(base_url)}"
        self._memory = memory or HabitMemory()
        self._transport = transport
        self._base = base_url
        self._url = httpx.URL(f"{base_url}/chat/completions")
        # Always explicit: no library default and no environment variable may send another key to this host.
        self._headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
        self._fits_header = api_key.isascii() and api_key.isprintable()
        timeout = httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds))
        self._extensions = {"timeout": timeout.as_dict()}

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Yield the pieces of one answer. Raises an UpstreamError."""
        if not self._fits_header:
            raise UpstreamRefusedKey(f"The language model's key has characters that no key has: {self._advice}.")
        habits = self._memory.get(self._base, request.model)
        for tried in range(MAX_TRIES):
            try:
                async for piece in self._asked(request, habits):
                    yield piece
            except _Refused as refused:
                if refused.way is None or tried == MAX_TRIES - 1:
                    raise refused.error from refused
                habits = refused.way
            else:
                return

    async def _asked(self, request: CompletionRequest, habits: Habits) -> AsyncIterator[Chunk]:
        body = body_of(request, habits)
        reader = AnswerReader(names_of(request.tools), self._unopened(request, habits), _ids_of(body))
        try:
            response = await self._send(body)
            async with reading(response) as answer:
                if not response.is_success:
                    error = await error_bytes(answer, response.headers)
                    failed = failure(response.status_code, error, response.headers, self._advice)
                    raise _Refused(failed, another_way(habits, body, response.status_code, error))
                has_said = False
                try:
                    async for chunk in AnswerStream(response, answer, reader).chunks():
                        has_said = True
                        yield chunk
                except NotRead as error:
                    raise self._unreadable(response, error.begins) from error
                if reader.fault is not None:
                    if has_said and reader.usage is not None:
                        yield Chunk(usage=reader.usage)
                    raise self._refused(reader.fault, habits, body, has_said=has_said)
                learnt = replace(habits, unopened=reader.splitter.unopened) if reader.has_text() else habits
                self._memory.keep(self._base, request.model, learnt)
                yield reader.last_piece()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            logger.warning("the language model cannot be reached: %s: %s", self._server, cause_of(error))
            raise UpstreamUnavailable(
                f"The language model cannot be reached: {self._server} does not answer. Try again; if it stays so, "
                f"{self._advice}."
            ) from error
        except httpx.TimeoutException as error:
            raise UpstreamTimeout("The language model did not answer in time. Try again, or ask for less.") from error
        except httpx.TransportError as error:
            logger.warning("the language model broke off: %s: %s", self._server, cause_of(error))
            raise UpstreamUnavailable(
                f"The language model broke off: {self._server} ended the connection. Try again; if it stays so, "
                f"{self._advice}."
            ) from error
        except TooMuch as error:
            raise UpstreamError(
                f"The language model's server sent too much: {error}. The answer was not used."
            ) from error

    def _unopened(self, request: CompletionRequest, habits: Habits) -> bool | None:
        if habits.unopened is not None:
            return habits.unopened
        return None if may_think_unopened(request.model) else False

    def _refused(self, fault: Fault, habits: Habits, body: dict[str, Any], *, has_said: bool) -> _Refused:
        error = failure(fault.status, fault.body, httpx.Headers(), self._advice)
        return _Refused(error, None if has_said else another_way(habits, body, fault.status, fault.body))

    def _unreadable(self, response: httpx.Response, begins: str) -> UpstreamError:
        kind = response.headers.get("content-type", "no content type").split(";")[0][:60]
        begun = redactor.clean(begins) or "nothing"
        logger.warning(
            "%s sent what is no answer: status %d, %s, beginning with %r", self._base, response.status_code, kind, begun
        )
        advice = _ADDRESS_ONLY.get(self._advice, self._advice)
        return UpstreamError(f"The language model sent an answer that cannot be read ({kind}): {advice}.")

    async def _send(self, body: dict[str, Any]) -> httpx.Response:
        """Send a request; once more at once when a connection that was kept open had just been closed.

        Servers close idle connections after some seconds, and may do so while a request is on its way: they have not
        read it then (RFC 9112, section 9.3.1).
        """
        content = encoded(body)
        begun = asyncio.get_running_loop().time()
        try:
            return await self._sent(content)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if asyncio.get_running_loop().time() - begun > _STALE_SECONDS:
                raise
        return await self._sent(content)

    async def _sent(self, content: bytes) -> httpx.Response:
        request = httpx.Request("POST", self._url, headers=self._headers, content=content, extensions=self._extensions)
        return await self._transport.handle_async_request(request)


def _ids_of(body: dict[str, Any]) -> frozenset[str]:
    return frozenset(
        str(call.get("id"))
        for message in body["messages"]
        for call in message.get("tool_calls") or ()
        if call.get("id")
    )


def failure(status: int, body: object, headers: httpx.Headers, advice: str = OPERATORS) -> UpstreamError:
    """Return the error that an upstream status means, keeping the status where it speaks to the client.

    `body` is what came with it, as bytes or as a JSON value. A server may quote what it was sent, the key included, so
    its reason is cleaned.
    """
    reason = redactor.clean(reason_in(body) if isinstance(body, bytes) else reason_of(body)).rstrip(".")
    because = f": {reason}" if reason else ""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return UpstreamRefusedKey(f"The language model behind this agent refused its key (status {status}): {advice}.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = headers.get("retry-after")
        when = f"Try again in {wait} seconds." if wait and wait.isdigit() else "Try again a little later."
        return UpstreamRateLimited(
            f"The language model is overloaded or its quota is used up{because}. {when}",
            retry_after=wait,
            retry_after_ms=headers.get("retry-after-ms"),
        )
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
        return UpstreamTimeout("The language model did not answer in time. Try again, or ask for less.")
    is_refusal = is_about_the_request(status, reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_refusal:
        text = f"The language model failed (status {status}){because}. Try again a little later."
        return UpstreamUnavailable(text, status=status)
    if status < HTTPStatus.BAD_REQUEST:
        return UpstreamError(
            f"The language model's address leads elsewhere (status {status}): {_ADDRESS_ONLY.get(advice, advice)}."
        )
    return UpstreamRejected(
        f"The language model refused the request (status {status}): {reason or 'it gave no reason'}.",
        status=HTTPStatus.BAD_REQUEST if is_refusal else status,
    )
