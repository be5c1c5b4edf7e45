"""Decides which skills and jobs a key with a list of models may use: what the agents it may use carry."""

from agentroster.agents.registry import AgentRegistry
from agentroster.errors import NotAllowed
from agentroster.identity.caller import Caller
from agentroster.skills.manifest import canonical_name


class Rights:
    """Answers for every door of ours; the question itself is `Caller.may`."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    def may_run(self, caller: Caller, skill: str) -> bool:
        """Whether the key permits an agent that carries this skill; a key without a list permits every skill."""
        name = canonical_name(skill)
        return caller.may(*(spec.model_name for spec in self._agents.all() if name in spec.skills))

    def require_skill(self, caller: Caller, skill: str) -> None:
        """Raise NotAllowed for a skill that no agent of the key carries, whether or not there is one."""
        if not self.may_run(caller, skill):
            raise NotAllowed(
                f"This key may not run the skill {skill[:60]!r}: it is for {_listed(caller)}. "
                "Ask the operator for a key that may."
            )

    def require_agent(self, caller: Caller) -> None:
        """Raise NotAllowed for a key that permits no agent at all."""
        if not caller.may(*(spec.model_name for spec in self._agents.all())):
            raise NotAllowed(
                f"This key permits no agent: it is for {_listed(caller)}. Ask the operator for a key that may."
            )


def _listed(caller: Caller) -> str:
    return ", ".join(name[:60] for name in caller.models[:5]) + (" and others" if len(caller.models) > 5 else "")  # noqa: PLR2004
