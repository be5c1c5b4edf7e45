"""What the request filter and the handler tell each other about one request, past LiteLLM.

Two things get lost in between: that the client went away (on some streaming endpoints), and headers of an
error that comes before the first chunk of a stream (`Retry-After`). One must not be seen: a pasted token.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from agentroster.errors import NotAllowed, RunRepeated
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.runs.chat import PastedToken
from agentroster.web.error_forms import PublicError

ACTIVITY_HEADER = "x-agent-events"
TASK_HEADER = "x-openwebui-task"


class RequestContext:
    """One request and its response; shared by all tasks that work on it.

    `caller` is who asks, once the request filter knows; `body_read`: the whole request has arrived,
    `pictures_left_out`: without its oldest pictures. `activity` is how the client asks to be shown what an agent does,
    `task` what Open WebUI calls this request of its own (empty: a chat; None: it did not say). `model` is what the
    client asked for, where the request filter read it. `is_run`: the client asked for an agent; `body` is what is left
    of its request, where our own lane answers it. `is_taken`: the agent was reached; `started`: its first chunk is on
    the way; `failure`: what is told of a run that failed; `is_gone`: nobody waits for the answer any more.
    """

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.failure: PublicError | None = None
        self.pasted: PastedToken | None = None
        self.activity = ""
        self.task: str | None = None
        self.model: str | None = None
        self.body: Mapping[str, Any] | None = None
        self.body_read = False
        self.pictures_left_out = False
        self.is_run = False
        self.is_taken = False
        self.started = False
        self.is_gone = False
        self._listeners: list[Callable[[], object]] = []

    def read_headers(self, header: Callable[[str], str | None]) -> None:
        """Take from the request what concerns the answer's form; `header` finds one by its lower-case name."""
        self.activity = header(ACTIVITY_HEADER) or ""
        self.task = header(TASK_HEADER)

    def take(self) -> None:
        """Begin the one run of this request.

        Raises NotAllowed when the client did not ask for an agent: a fallback or an alias led here, with a body that
        nobody cleaned. Raises RunRepeated for a second run: the tools of the first may have acted.
        """
        if not self.is_run:
            raise NotAllowed(say("gateway.not_through_a_model"))
        if self.is_taken:
            raise RunRepeated(say("gateway.run_repeated"))
        self.is_taken = True

    def on_disconnect(self, listener: Callable[[], object]) -> None:
        """Call `listener` once the client is gone; at once if it is."""
        if self.is_gone:
            listener()
        self._listeners.append(listener)

    def disconnect(self) -> None:
        """Note that nobody waits for the answer any more."""
        self.is_gone = True
        for listener in self._listeners:
            listener()


current: ContextVar[RequestContext | None] = ContextVar("roster_exchange", default=None)
