"""A model of the proxy's own list as an agent's language model, through LiteLLM's router."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, cast

import httpx
from litellm import exceptions

from agentroster.errors import UpstreamRejected, UpstreamUnavailable
from agentroster.llm.completion import Choice, CompletionRequest, Piece
from agentroster.llm.endpoint import failure

_FAILURES = cast("tuple[type[Exception], ...]", tuple(cast("Any", exceptions).LITELLM_EXCEPTION_TYPES))


class RouterModel:
    """Calls the in-process router: its aliases and load balancing count, retries are off as everywhere."""

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Piece]:
        """Yield the pieces of one answer. Raises an UpstreamError."""
        try:
            answer = await _router().acompletion(**_arguments(request))
            if not request.stream:
                yield _whole(answer.model_dump())
                return
            async for chunk in answer:
                yield Piece.model_validate(chunk.model_dump())
        except _FAILURES as error:
            raise _translate(error) from error


def _router() -> Any:
    from litellm.proxy import proxy_server  # noqa: PLC0415 - exists only inside a running proxy

    if proxy_server.llm_router is None:
        raise UpstreamUnavailable("The proxy has no models of its own: add some to proxy_config.yaml.")
    return proxy_server.llm_router


def _arguments(request: CompletionRequest) -> dict[str, object]:
    arguments: dict[str, object] = {"model": request.model, "messages": list(request.messages), **request.params}
    if request.tools:
        arguments["tools"] = list(request.tools)
    if request.stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    return arguments


def _whole(answer: dict[str, Any]) -> Piece:
    piece = Piece.model_validate(answer)
    message = piece.choices[0].message if piece.choices else None
    if message is None:
        raise UpstreamUnavailable("The language model sent an empty answer. Try again.", status=502)
    return Piece(choices=[Choice(delta=message, finish_reason=piece.choices[0].finish_reason)], usage=piece.usage)


def _translate(error: Exception) -> Exception:
    status = cast("int", getattr(error, "status_code", 503))
    response: object = getattr(error, "response", None)
    headers = response.headers if isinstance(response, httpx.Response) else httpx.Headers()
    if status == HTTPStatus.BAD_REQUEST and "Invalid model name" in str(error):
        return UpstreamRejected(
            "The model this agent uses is not in the proxy's list: the operator checks LLM_MODEL.", status=404
        )
    return failure(status, b"", headers)
