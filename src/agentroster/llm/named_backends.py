"""The backends beside the deployment's default: OpenAI-compatible endpoints by name, which may change at any time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agentroster.errors import ModelMissing
from agentroster.llm.dialects.habits import HabitMemory
from agentroster.llm.endpoint import Endpoint
from agentroster.messages import say
from agentroster.net.client import open_transport
from agentroster.net.egress import Origin

DEFAULT = "default"
"""The backend that `LLM_PROVIDER`, `LLM_MODEL` and the others describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSpec:
    """An OpenAI-compatible endpoint, and the model that agents get there unless they name another."""

    name: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)


class NamedBackends:
    """Finds backends by name. They have a connection pool of their own: no skill reaches private addresses by it."""

    def __init__(self, current: Callable[[], Mapping[str, BackendSpec]], timeout_seconds: float) -> None:
        """`current` returns the backends as they are now."""
        self._current = current
        self._timeout_seconds = timeout_seconds
        self._trusted: set[tuple[str, int]] = set()
        self._transport = open_transport(self._trusted)
        self._endpoints: dict[BackendSpec, Endpoint] = {}

    def find(self, name: str, memory: HabitMemory) -> tuple[BackendSpec, Endpoint]:
        """Return a backend. Raises ModelMissing when it is not there any more."""
        current = self._current()
        spec = current.get(name)
        if spec is None:
            raise ModelMissing(say("llm.backend_gone", name=name))
        endpoint = self._endpoints.get(spec)
        if endpoint is None:
            # A run that goes on keeps the one it has.
            kept = frozenset(current.values())
            self._endpoints = {known: one for known, one in self._endpoints.items() if known in kept}
            endpoint = self._endpoints[spec] = self._made(spec, memory)
        return spec, endpoint

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _made(self, spec: BackendSpec, memory: HabitMemory) -> Endpoint:
        origin = Origin.of(spec.base_url)
        self._trusted.add((origin.host, origin.port))
        return Endpoint(
            self._transport,
            base_url=spec.base_url,
            api_key=spec.api_key or "none",
            timeout_seconds=self._timeout_seconds,
            memory=memory,
            advice=say("llm.advice_backend", name=spec.name),
            name=say("llm.server_of_backend", name=spec.name),
        )
