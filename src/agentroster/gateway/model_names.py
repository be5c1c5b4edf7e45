"""The names of all models, and suggestions for a name that does not exist."""

from collections.abc import Iterable, Sequence

from agentroster import spelling
from agentroster.agents.registry import AgentRegistry
from agentroster.errors import ModelNotFound
from agentroster.identity.caller import Caller, permits
from agentroster.llm.backend import AGENT_PREFIX
from agentroster.messages import say

_MAX_EDITS = 2
_MAX_LENGTH = 100
_MAX_SHOWN = 3
_MAX_COMPARED = 500


class ModelNames:
    """The names of agents and of the operator's direct models, which may be patterns (`openai/*`)."""

    def __init__(self, agents: AgentRegistry, direct: Sequence[str] = ()) -> None:
        self._agents = agents
        self._direct = tuple(direct)

    def check_agent(self, name: str, caller: Caller) -> None:
        """Raise ModelNotFound for an agent that does not exist, unless the caller's key would not permit it either."""
        if not self._agents.has(name.removeprefix(AGENT_PREFIX)) and caller.may(name):
            known = self._agents_of(caller)
            if not known:
                raise ModelNotFound(say("gateway.no_agents", name=name))
            hint = did_you_mean(name, known)
            raise ModelNotFound(say("gateway.no_agent", name=name, hint=hint, known=", ".join(known)))

    def is_known(self, name: str) -> bool:
        """Whether there is such a model."""
        return any(permits(pattern, name) for pattern in self._direct) or (
            name.startswith(AGENT_PREFIX) and self._agents.has(name.removeprefix(AGENT_PREFIX))
        )

    def hint(self, name: str, caller: Caller) -> str:
        """Return ` Did you mean ...?` with models that the caller may use, or an empty text."""
        direct = [model for model in self._direct if caller.may(model)]
        return did_you_mean(name, [*self._agents_of(caller), *direct])

    def _agents_of(self, caller: Caller) -> list[str]:
        return [spec.model_name for spec in self._agents.all() if caller.may(spec.model_name)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that begins with a blank, naming the closest of the known names, or an empty text.

    Close is what differs by at most two letters, and one in three; two that are swapped count as one.
    """
    wanted = name.strip().casefold()
    if not wanted or len(wanted) > _MAX_LENGTH:
        return ""
    found: list[tuple[int, str]] = []
    for model in [model for model in known if "*" not in model][:_MAX_COMPARED]:
        edits = min(spelling.distance(wanted, form, _MAX_EDITS) for form in _forms(model))
        if edits <= _MAX_EDITS and edits * 3 <= len(wanted):
            found.append((edits, model))
    least = min(found)[0] if found else 0
    close = [model for edits, model in sorted(found) if edits == least][:_MAX_SHOWN]
    return say("gateway.did_you_mean", names=say("gateway.or").join(close)) if close else ""


def _forms(model: str) -> set[str]:
    """Return a name with and without what stands before its slash."""
    whole = model.casefold()
    return {whole, whole.rpartition("/")[2]}
