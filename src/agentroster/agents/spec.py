"""`AgentSpec`: what an agent is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from agentroster.errors import BadInput
from agentroster.identity.caller import Caller

if TYPE_CHECKING:
    from agno.agent import Agent
    from agno.models.base import Model
    from agno.tools.function import Function

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run; None takes the deployment's (`ROSTER_RUN_SECONDS`, `ROSTER_RUN_MODEL_CALLS`)."""

    seconds: float | None = None
    model_calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """What a factory gets for one request: who asks, the model to use, and the tools of skills.

    The model counts its calls against the run's budget and keeps upstream status codes; an agent built with
    another model has neither.
    """

    caller: Caller
    model: "Model"
    tools: Callable[..., "list[Function]"]


AgentFactory: TypeAlias = Callable[[AgentContext], "Agent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """An agent: its instructions, its skills, its model, its limits, and how a picker shows it.

    `model` is None for the deployment's default, `proxy/NAME` for a model of the proxy's own list, or another
    model name of the default endpoint; with `backend`, the name of one of the agents file, a model name there. An agent
    that is not `enabled` is neither listed nor answers. A `factory` says what the fields cannot; it builds a fresh
    `agno.agent.Agent` for each request. Raises BadInput for a name outside the rule: lower-case letters,
    digits and single hyphens, at most 64.

    A suggestion is a message, or what the picker calls it and the message, such as ("Shades of teal", "/palette teal").
    Images in answers are shown when their host is in `image_hosts` or declared by a skill; others become links.
    """

    name: str
    title: str = ""
    description: str = ""
    instructions: str = ""
    skills: Sequence[str] = ()
    model: str | None = None
    backend: str | None = None
    limits: Limits = field(default_factory=Limits)
    suggestions: Sequence[str | tuple[str, str]] = ()
    vision: bool = False
    image_hosts: Sequence[str] = ()
    enabled: bool = True
    factory: AgentFactory | None = None

    def __post_init__(self) -> None:
        # `_` and `-` name the same skill at every door.
        object.__setattr__(self, "skills", tuple(name.replace("_", "-") for name in self.skills))
        if not _NAME.fullmatch(self.name) or len(self.name) > _MAX_NAME:
            raise BadInput(
                f"{self.name!r} is no agent name: use lower-case letters, digits and single hyphens, "
                f"at most {_MAX_NAME} characters"
            )

    @property
    def model_name(self) -> str:
        """What clients put into `model`: `agno/<name>`."""
        return f"agno/{self.name}"

    @property
    def display_name(self) -> str:
        """The title, or one made from the name."""
        return self.title or self.name.replace("-", " ").capitalize()


def spec_of(name: str, value: Any) -> AgentSpec:
    """Return the spec an entry point gives: a spec, a function that returns one, or an agent factory.

    A factory takes one argument, the `AgentContext`; its first docstring line becomes the description. Raises
    BadInput when the value is neither.
    """
    if isinstance(value, AgentSpec):
        if value.name != name:
            raise BadInput(f"the entry point is called {name!r} but its agent {value.name!r}: give both one name")
        return value
    if not callable(value):
        raise BadInput("the entry point gives neither an AgentSpec nor a factory")
    description = (value.__doc__ or "").strip().split("\n", 1)[0]
    return AgentSpec(name=name, description=description, factory=cast("AgentFactory", value))
