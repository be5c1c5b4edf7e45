"""Skills for one caller: the registry, and the capabilities each skill is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from agentroster.accounts.access import Accounts, AccountSource
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.library.library import Library
from agentroster.library.model_type import model_type_of
from agentroster.library.preview import Previews
from agentroster.library.sidecar import Proposals, Sidecars
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.egress import Egress, Origin
from agentroster.net.shared_slots import SharedSlots
from agentroster.settings.settings import Settings
from agentroster.skills.capability_options import AccountsOptions, HttpOptions, LibraryOptions, MemoryOptions, ModelType
from agentroster.skills.context import SkillContext
from agentroster.skills.memory import Memory
from agentroster.skills.question import FindModel
from agentroster.skills.registry import Skill, SkillRegistry

_HUB = "$HF_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who asks for what: a skill for a caller, through an agent; `proposals` collect what a dry run would write."""

    skill: str
    caller: Caller
    agent: str
    proposals: Proposals | None = None


Opener: TypeAlias = Callable[[Any, Grant], Mapping[str, object]]
"""Returns what a skill finds in its context for the options that it declared."""


class SkillAccess:
    """Hands out capabilities exactly as far as a skill declares them and the caller may go."""

    def __init__(self, registry: SkillRegistry, openers: Mapping[str, Opener]) -> None:
        """`openers` has one for each capability, by its name."""
        self._registry = registry
        self._openers = openers

    def get(self, name: str, find_model: FindModel) -> Skill:
        """Return a skill, for a run with this model. Raises NotFound."""
        return self._registry.get(name).with_model(find_model)

    def context(self, skill: Skill, caller: Caller, agent: str, proposals: Proposals | None = None) -> SkillContext:
        """Return the world as this skill sees it for this caller, who asks this agent; `proposals` make a dry run."""
        grant = Grant(skill=skill.manifest.name, caller=caller, agent=agent, proposals=proposals)
        capabilities: dict[str, object] = {}
        for name, options in skill.manifest.declared.items():
            capabilities |= self._openers[name](options, grant)
        return SkillContext(skill=grant.skill, caller=caller, _capabilities=capabilities)


def openers_of(
    settings: Settings,
    *,
    database: Database,
    client: httpx.AsyncClient,
    accounts: AccountSource,
    slots: SharedSlots | None = None,
) -> Mapping[str, Opener]:
    """Return what opens each capability of a running proxy; the way out has the slots that processes share."""
    return {
        "http": HttpOpener(settings, client, slots).open,
        "accounts": lambda options, grant: _accounts(accounts, options, grant),
        "memory": lambda options, grant: _memory(database, options, grant),
        "library": LibraryOpener(Library(settings.library)).open,
    }


class HttpOpener:
    """The way out, with the hub's own token where the hub is declared."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, slots: SharedSlots | None = None) -> None:
        self._client = client
        self._limiter = ConcurrencyLimiter(settings.host_requests, slots, "requests")
        self._hub_endpoint = settings.hf_endpoint.rstrip("/")
        self._hub = Origin.of(self._hub_endpoint)
        token = settings.hf_token.get_secret_value() if settings.hf_token else ""
        self._hub_headers = {self._hub: {"authorization": f"Bearer {token}"}} if token else {}

    def open(self, options: HttpOptions, _grant: Grant) -> Mapping[str, object]:
        """Return the way out to the declared hosts."""
        reaches_hub = _HUB in options.hosts
        egress = Egress(
            self._client,
            [host for host in options.hosts if host != _HUB],
            trusted=[self._hub] if reaches_hub else [],
            credentials=self._hub_headers if reaches_hub else {},
            slots=self._limiter,
        )
        return {"http": egress, "hub_endpoint": self._hub_endpoint}


class LibraryOpener:
    """The library, its sidecars and previews; writing needs the declaration and a proven caller."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def open(self, options: LibraryOptions, grant: Grant) -> Mapping[str, object]:
        """Return the library, with as much of writing as is declared."""
        library = only_types(self._library, options.types)
        return {
            "library": library,
            "sidecars": Sidecars(
                library,
                refusal=_refusal(grant, "metadata", permitted=options.write_metadata),
                proposals=grant.proposals,
            ),
            "previews": Previews(
                library,
                refusal=_refusal(grant, "previews", permitted=options.write_previews),
                dry_run=grant.proposals is not None,
            ),
        }


def only_types(library: Library, types: tuple[ModelType, ...] | None) -> Library:
    """Return the library with only the models of some types; one of unknown type is outside."""
    if types is None:
        return library
    return library.only(lambda model: model_type_of(model) in types, f"models of the type {' or '.join(types)}")


def _accounts(source: AccountSource, options: AccountsOptions, grant: Grant) -> Mapping[str, object]:
    declared = frozenset(options.providers)
    return {"accounts": Accounts(source=source, caller=grant.caller, declared=declared, agent=grant.agent)}


def _memory(database: Database, _options: MemoryOptions, grant: Grant) -> Mapping[str, object]:
    return {"memory": Memory(database, grant.caller, grant.skill)}


def _refusal(grant: Grant, what: str, *, permitted: bool) -> str:
    """Return why nothing may be written, or an empty text."""
    if not permitted:
        return f"the skill {grant.skill} has no permission to write {what}"
    if not grant.caller.is_person:
        return "writing needs a proven identity: ask with a key of your own; nothing was written"
    return ""
