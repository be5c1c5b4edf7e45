"""Chooses the model of an agent: a backend by name, the deployment's default, or one of this proxy's list."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from agentroster.errors import BadInput, ModelMissing
from agentroster.llm.completion import ChatModel
from agentroster.llm.dialects.habits import HabitMemory
from agentroster.llm.endpoint import Endpoint
from agentroster.llm.named_backends import DEFAULT, NamedBackends
from agentroster.messages import say
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.shared_slots import SharedSlots
from agentroster.settings.settings import Settings

PROXY_PREFIX = "proxy/"
AGENT_PREFIX = "agno/"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model and the way to it; `server` tells apart the servers that may know a model of this name.

    `questions` bounds the questions of pipelines to one server at a time, in all jobs and chats of the process.
    """

    name: str
    chat: ChatModel
    server: str = ""
    questions: ConcurrencyLimiter | None = None


class Backends:
    """Finds the model for an agent; None means `offline`."""

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport,
        proxy: Callable[[], ChatModel],
        named: NamedBackends | None = None,
        slots: SharedSlots | None = None,
    ) -> None:
        """`proxy` gives access to the models of this proxy's own list, when it is first needed.

        `slots` are those of pipelines' questions that processes share.
        """
        self._settings = settings
        self._named = named
        self.questions = ConcurrencyLimiter(settings.model_questions, slots, "questions")
        self.memory = HabitMemory()
        self._proxy = proxy
        self._endpoint = (
            Endpoint(
                transport,
                base_url=settings.api_base,
                api_key=settings.model_key or "none",
                timeout_seconds=settings.llm_timeout_seconds,
                memory=self.memory,
                name=settings.provider if settings.provider != "custom" else say("llm.server_custom"),
            )
            if settings.api_base
            else None
        )

    def choose(self, wish: str | None, backend: str | None = None) -> ModelChoice | None:
        """Return the model for an agent that wishes for `wish` (None: the backend's own), or None when offline.

        Without a backend, `proxy/NAME` is a model of this proxy's own list, any other name one of the default endpoint.
        Raises BadInput for an agent as the model of an agent, which would call itself for ever, and ModelMissing for a
        backend that is not there any more.
        """
        if backend is not None and backend != DEFAULT:
            return self._at(backend, wish)
        name = wish or self._settings.model
        by_proxy = self._settings.provider == "proxy"
        if name and name.startswith(PROXY_PREFIX):
            name, by_proxy = name.removeprefix(PROXY_PREFIX), True
        if name and name.startswith(AGENT_PREFIX):
            raise BadInput(say("llm.agent_as_model"))
        if by_proxy and name:
            return ModelChoice(name, self._proxy(), server="proxy", questions=self.questions)
        if name is None or self._endpoint is None:
            return None
        return ModelChoice(name, self._endpoint, server=self._settings.api_base or "", questions=self.questions)

    def _at(self, name: str, wish: str | None) -> ModelChoice:
        if self._named is None:
            raise ModelMissing(say("llm.backend_unknown", name=name))
        spec, endpoint = self._named.find(name, self.memory)
        return ModelChoice(wish or spec.model, endpoint, server=spec.base_url, questions=self.questions)
