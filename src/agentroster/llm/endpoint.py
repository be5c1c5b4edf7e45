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
from agentroster.messages import say
from agentroster.net.response_body import reading

logger = logging.getLogger(__name__)

# A closed connection says so at once; whoever ends one later has begun to work.
_STALE_SECONDS = 0.25


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
        advice: str = "",
        name: str = "",
    ) -> None:
        """`advice` says who mends a wrong address or key, and where; `memory` what servers are known to want.

        `name` is what a person is told of the server, beside its address. Both have defaults for the deployment's own.
        """
        self._advice = advice
        self._server = say("endpoint.server", name=name or say("endpoint.its_server"), address=address_of(base_url))
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
        """Yield the chunks of one answer. Raises an UpstreamError."""
        if not self._fits_header:
            raise UpstreamRefusedKey(say("endpoint.odd_key", advice=_advice(self._advice)))
        habits = self._memory.get(self._base, request.model)
        for tried in range(MAX_TRIES):
            try:
                async for chunk in self._asked(request, habits):
                    yield chunk
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
                    stream = AnswerStream(response, answer, reader, is_streamed=bool(body.get("stream")))
                    async for chunk in stream.chunks():
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
            text = say("endpoint.unreachable", server=self._server, advice=_advice(self._advice))
            raise UpstreamUnavailable(text) from error
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(say("endpoint.too_slow")) from error
        except httpx.TransportError as error:
            logger.warning("the language model broke off: %s: %s", self._server, cause_of(error))
            text = say("endpoint.broke_off", server=self._server, advice=_advice(self._advice))
            raise UpstreamUnavailable(text) from error
        except TooMuch as error:
            raise UpstreamError(say("endpoint.too_much", bound=error)) from error

    def _unopened(self, request: CompletionRequest, habits: Habits) -> bool | None:
        if habits.unopened is not None:
            return habits.unopened
        return None if may_think_unopened(request.model) else False

    def _refused(self, fault: Fault, habits: Habits, body: dict[str, Any], *, has_said: bool) -> _Refused:
        error = failure(fault.status, fault.body, httpx.Headers(), self._advice)
        return _Refused(error, None if has_said else another_way(habits, body, fault.status, fault.body))

    def _unreadable(self, response: httpx.Response, begins: str) -> UpstreamError:
        kind = response.headers.get("content-type", "").split(";")[0][:60]
        begun = redactor.clean(begins) or "nothing"
        logger.warning(
            "%s sent what is no answer: status %d, %s, beginning with %r",
            *(self._base, response.status_code, kind or "no content type", begun),
        )
        advice = _address_advice(self._advice)
        if kind:
            return UpstreamError(say("endpoint.unreadable", kind=kind, advice=advice))
        return UpstreamError(say("endpoint.unreadable_of_no_kind", advice=advice))

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


def _advice(given: str) -> str:
    return given or say("endpoint.operator_checks_both")


def _address_advice(given: str) -> str:
    return given or say("endpoint.operator_checks_address")


def failure(status: int, body: object, headers: httpx.Headers, advice: str = "") -> UpstreamError:
    """Return the error that an upstream status means, keeping the status where it speaks to the client.

    `body` is what came with it, as bytes or as a JSON value. A server may quote what it was sent, the key included, so
    its reason is cleaned. `advice` is as in `Endpoint`.
    """
    reason = redactor.clean(reason_in(body) if isinstance(body, bytes) else reason_of(body)).rstrip(".")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return UpstreamRefusedKey(say("endpoint.key_refused", status=status, advice=_advice(advice)))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _overloaded(reason, headers)
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
        return UpstreamTimeout(say("endpoint.too_slow"))
    is_refusal = is_about_the_request(status, reason)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_refusal:
        because = say("endpoint.failed_because", status=status, reason=reason)
        text = because if reason else say("endpoint.failed", status=status)
        return UpstreamUnavailable(text, status=status)
    if status < HTTPStatus.BAD_REQUEST:
        return UpstreamError(say("endpoint.leads_elsewhere", status=status, advice=_address_advice(advice)))
    because = say("endpoint.refused_because", status=status, reason=reason)
    text = because if reason else say("endpoint.refused", status=status)
    return UpstreamRejected(text, status=HTTPStatus.BAD_REQUEST if is_refusal else status)


def _overloaded(reason: str, headers: httpx.Headers) -> UpstreamRateLimited:
    wait = headers.get("retry-after")
    text = say("endpoint.overloaded_because", reason=reason) if reason else say("endpoint.overloaded")
    when = say("endpoint.try_in", count=int(wait)) if wait and wait.isdecimal() else say("endpoint.try_later")
    return UpstreamRateLimited(" ".join((text, when)), retry_after=wait, retry_after_ms=headers.get("retry-after-ms"))
