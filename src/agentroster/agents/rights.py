"""Decides which skills and jobs a key with a list of models may use: what the agents it may use carry."""

from agentroster.agents.registry import AgentRegistry
from agentroster.errors import NotAllowed
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.skills.manifest import canonical_name

_MAX_LISTED = 5


class Rights:
    """Checks skills and agents for every door of ours, by `Caller.may`."""

    def __init__(self, agents: AgentRegistry) -> None:
        self._agents = agents

    def may_run(self, caller: Caller, skill: str) -> bool:
        """Whether the key permits an agent that carries this skill; a key without a list permits every skill."""
        name = canonical_name(skill)
        return caller.may(*(spec.model_name for spec in self._agents.all() if name in spec.skills))

    def require_skill(self, caller: Caller, skill: str) -> None:
        """Raise NotAllowed for a skill that no agent of the key carries, whether or not there is one."""
        if self.may_run(caller, skill):
            return
        skill, models = skill[:60], _listed(caller)
        raise NotAllowed(
            say("agents.skill_not_permitted", skill=skill, models=models)
            if len(caller.models) <= _MAX_LISTED
            else say("agents.skill_not_permitted_of_many", skill=skill, models=models)
        )

    def require_agent(self, caller: Caller) -> None:
        """Raise NotAllowed for a key that permits no agent at all."""
        if caller.may(*(spec.model_name for spec in self._agents.all())):
            return
        models = _listed(caller)
        raise NotAllowed(
            say("agents.none_permitted", models=models)
            if len(caller.models) <= _MAX_LISTED
            else say("agents.none_permitted_of_many", models=models)
        )


def _listed(caller: Caller) -> str:
    return ", ".join(name[:60] for name in caller.models[:_MAX_LISTED])
