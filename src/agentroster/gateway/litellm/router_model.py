"""Uses a model of the proxy's own list as an agent's language model, through LiteLLM's router."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, cast

import httpx
from litellm import exceptions

from agentroster.errors import UpstreamRejected, UpstreamUnavailable
from agentroster.llm.completion import Chunk, CompletionRequest
from agentroster.llm.dialects.answer import AnswerReader
from agentroster.llm.dialects.calls import names_of
from agentroster.llm.dialects.frames import Frame, TooMuch
from agentroster.llm.dialects.habits import first_habits
from agentroster.llm.dialects.outgoing import body_of
from agentroster.llm.endpoint import failure
from agentroster.messages import say

FAILURES = cast("tuple[type[Exception], ...]", tuple(cast("Any", exceptions).LITELLM_EXCEPTION_TYPES))


class RouterModel:
    """Calls the in-process router: what the operator set for direct models counts, aliases and retries included.

    An agent is run once all the same; and what it says stays out of the logs of direct models.
    """

    async def complete(self, request: CompletionRequest) -> AsyncIterator[Chunk]:
        """Yield the chunks of one answer. Raises an UpstreamError."""
        reader = AnswerReader(names_of(request.tools))
        try:
            body = body_of(request, first_habits("", request.model))
            async for value in answers(body):
                for chunk in reader.read(Frame(value)):
                    yield chunk
                if reader.fault is not None:
                    raise failure(reader.fault.status, reader.fault.body, httpx.Headers())
            for chunk in reader.close():
                yield chunk
            if not reader.has_choices:
                raise UpstreamUnavailable(say("gateway.empty_answer"), status=502)
            yield reader.last_piece()
        except TooMuch as error:
            raise UpstreamUnavailable(say("endpoint.too_much", bound=error), status=502) from error
        except FAILURES as error:
            raise _translate(error) from error


def _router() -> Any:
    from litellm.proxy import proxy_server  # noqa: PLC0415 - exists only inside a running proxy

    if proxy_server.llm_router is None:
        raise UpstreamUnavailable(say("gateway.no_models"))
    return proxy_server.llm_router


async def answers(body: Mapping[str, Any]) -> AsyncIterator[object]:
    """Yield the values of an answer, one unless it is streamed. Raises one of FAILURES and UpstreamUnavailable."""
    answer = await _router().acompletion(**body, drop_params=True, turn_off_message_logging=True)
    if not body.get("stream"):
        yield answer.model_dump()
        return
    async for value in answer:
        yield value.model_dump()


def refusal_of(error: Exception) -> tuple[int, httpx.Headers]:
    """Return the status and the headers of one of FAILURES; 404 for a model that is not in the list."""
    status = cast("int", getattr(error, "status_code", 503))
    response: object = getattr(error, "response", None)
    headers = response.headers if isinstance(response, httpx.Response) else httpx.Headers()
    is_unknown = status == HTTPStatus.BAD_REQUEST and "Invalid model name" in str(error)
    return HTTPStatus.NOT_FOUND if is_unknown else status, headers


def _translate(error: Exception) -> Exception:
    status, headers = refusal_of(error)
    if status == HTTPStatus.NOT_FOUND and "Invalid model name" in str(error):
        return UpstreamRejected(say("gateway.model_not_in_list"), status=404)
    return failure(status, b"", headers)
