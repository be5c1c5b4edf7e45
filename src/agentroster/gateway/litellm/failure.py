"""Turns our errors into the one exception that LiteLLM passes on with status, text and Retry-After."""

from litellm.exceptions import APIError

from agentroster.gateway.request_context import current
from agentroster.web.error_forms import PublicError, public_error


class AgentFailed(APIError):
    """An error of a run as LiteLLM passes it on; `headers` go onto the HTTP response."""

    def __init__(self, error: PublicError) -> None:
        message = error.message
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - LiteLLM annotates only some arguments
            status_code=error.status, message=message, llm_provider="", model=""
        )
        # The base class puts its own class name in front of the text.
        self.message = message
        self.args = (message,)
        self.code, self.param, self.type = error.code, error.param, error.type
        self.headers = dict(error.headers)
        context = current.get()
        if context is not None:
            context.failure = error
        # The client was told; the log needs one line of ours and not LiteLLM's traceback.
        self.roster_expected = True

    def __str__(self) -> str:
        return self.message


def agent_failed(error: BaseException) -> AgentFailed:
    """Return the exception for any error; that of an unexpected one says nothing about its cause."""
    return AgentFailed(public_error(error))
