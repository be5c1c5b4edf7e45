"""What the front door and the provider tell each other about one HTTP exchange, past LiteLLM.

Two things get lost in between: that the client went away (on some streaming endpoints), and headers of an
error that comes before the first piece of a stream (`Retry-After`). One must not be seen: a pasted token.
"""

from collections.abc import Callable
from contextvars import ContextVar

from agentroster.agents.chat import PastedToken
from agentroster.identity.caller import Caller

ACTIVITY_HEADER = "x-agent-events"
TASK_HEADER = "x-openwebui-task"


class Exchange:
    """One request and its response; shared by all tasks that work on it.

    `caller` is who asks, once the front door knows; `body_read`: the whole request has arrived. `activity` is how the
    client asks to be shown what an agent does, `task` what Open WebUI calls this request of its own (empty: a chat;
    None: it did not say). `is_run`: an agent works on it; `started`: its first piece is on the way; `failure`: status
    and error object of a run that failed.
    """

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.error_headers: dict[str, str] = {}
        self.failure: tuple[int, dict[str, str | None]] | None = None
        self.pasted: PastedToken | None = None
        self.activity = ""
        self.task: str | None = None
        self.body_read = False
        self.is_run = False
        self.started = False
        self._gone = False
        self._listeners: list[Callable[[], object]] = []

    def read_headers(self, header: Callable[[str], str | None]) -> None:
        """Take from the request what concerns the answer's form; `header` finds one by its lower-case name."""
        self.activity = header(ACTIVITY_HEADER) or ""
        self.task = header(TASK_HEADER)

    def when_gone(self, listener: Callable[[], object]) -> None:
        """Call `listener` once the client is gone; at once if it is."""
        if self._gone:
            listener()
        self._listeners.append(listener)

    def client_gone(self) -> None:
        """Note that nobody waits for the answer any more."""
        self._gone = True
        for listener in self._listeners:
            listener()


current: ContextVar[Exchange | None] = ContextVar("roster_exchange", default=None)
