"""From our errors to the one exception LiteLLM passes on as it is: status, safe text, Retry-After."""

from litellm.exceptions import APIError

from agentroster.errors import RosterError, UpstreamRateLimited
from agentroster.gateway.request_context import current

_GENERIC = "The agent failed because of an error in the proxy. The operator finds it in the log."
# OpenAI's error types by status, as its SDKs expect them.
_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
}


class AgentFailed(APIError):
    """What a client gets; `headers` go onto the HTTP response."""

    def __init__(
        self, status: int, message: str, *, code: str, headers: dict[str, str], param: str | None = None
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - LiteLLM annotates only some arguments
            status_code=status, message=message, llm_provider="", model=""
        )
        # The base class puts its own class name in front of the text.
        self.message = message
        self.args = (message,)
        self.code = code
        self.param = param
        self.type = _OPENAI_TYPES.get(status, "rate_limit_error" if status == 429 else "api_error")  # noqa: PLR2004
        self.headers = dict(headers)
        exchange = current.get()
        if exchange is not None:
            exchange.error_headers.update(headers)
            exchange.failure = (status, {"message": message, "type": self.type, "param": param, "code": code})
        # The client was told; the log needs one line of ours and not LiteLLM's traceback.
        self.roster_expected = True

    def __str__(self) -> str:
        return self.message


def agent_failed(error: BaseException) -> AgentFailed:
    """Return what a client gets for any error; an unexpected one tells nothing of itself."""
    if not isinstance(error, RosterError):
        return AgentFailed(500, _GENERIC, code="internal_error", headers={})
    headers = {"retry-after": error.retry_after} if isinstance(error, UpstreamRateLimited) and error.retry_after else {}
    return AgentFailed(_status(error), error.message, code=error.code, headers=headers, param=error.param)


def _status(error: RosterError) -> int:
    return error.status if error.status >= 400 else 500  # noqa: PLR2004 - the first error status
