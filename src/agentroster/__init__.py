"""Agents in every OpenAI-compatible client: Agno agents behind a LiteLLM proxy.

This is the whole public face: authors of agents, skills and kinds of accounts import from here, and from
`agentroster.testing` for their tests. Each name is loaded when it is first asked for (PEP 562); the modules behind the
names may move.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentroster.accounts.api import Answer, Api
    from agentroster.accounts.provider import FormField, OAuth, Profile, Provider, bearer
    from agentroster.agents.spec import AgentContext, AgentSpec, Limits
    from agentroster.credentials.credential import Secret
    from agentroster.errors import (
        AccountCheckFailed,
        BadInput,
        CredentialMissing,
        NotAllowed,
        NotFound,
        RosterError,
        ToolFailed,
        Unreachable,
    )
    from agentroster.identity.caller import Caller
    from agentroster.library.library import ModelFile
    from agentroster.net.egress import Fetched
    from agentroster.skills.context import SkillContext, ToolContext
    from agentroster.skills.escape_markdown import escape_markdown
    from agentroster.skills.pipeline import Selection
    from agentroster.skills.question import ModelAnswer, OpenQuestion
    from agentroster.skills.report import ItemReport
    from agentroster.skills.understanding import Call, Plan, Refusal

__version__ = "0.1.0"

__all__ = [
    "AccountCheckFailed",
    "AgentContext",
    "AgentSpec",
    "Answer",
    "Api",
    "BadInput",
    "Call",
    "Caller",
    "CredentialMissing",
    "Fetched",
    "FormField",
    "ItemReport",
    "Limits",
    "ModelAnswer",
    "ModelFile",
    "NotAllowed",
    "NotFound",
    "OAuth",
    "OpenQuestion",
    "Plan",
    "Profile",
    "Provider",
    "Refusal",
    "RosterError",
    "Secret",
    "Selection",
    "SkillContext",
    "ToolContext",
    "ToolFailed",
    "Unreachable",
    "__version__",
    "bearer",
    "escape_markdown",
]

_MODULES = {
    "accounts.api": ("Answer", "Api"),
    "accounts.provider": ("FormField", "OAuth", "Profile", "Provider", "bearer"),
    "agents.spec": ("AgentContext", "AgentSpec", "Limits"),
    "credentials.credential": ("Secret",),
    "errors": (
        "AccountCheckFailed", "BadInput", "CredentialMissing", "NotAllowed", "NotFound", "RosterError", "ToolFailed",
        "Unreachable",
    ),
    "identity.caller": ("Caller",),
    "library.library": ("ModelFile",),
    "net.egress": ("Fetched",),
    "skills.context": ("SkillContext", "ToolContext"),
    "skills.escape_markdown": ("escape_markdown",),
    "skills.pipeline": ("Selection",),
    "skills.question": ("ModelAnswer", "OpenQuestion"),
    "skills.report": ("ItemReport",),
    "skills.understanding": ("Call", "Plan", "Refusal"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:
    # Hidden from type checkers, to which it would mean that every name exists.

    def __getattr__(name: str) -> object:
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return __all__
