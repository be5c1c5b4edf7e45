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
from agentroster.messages import say
from agentroster.net.concurrency_limiter import ConcurrencyLimiter
from agentroster.net.egress import Egress, Origin
from agentroster.net.kept_answers import KeptAnswers
from agentroster.net.rate_limits import RateLimits
from agentroster.net.redirects import NO_REDIRECTS
from agentroster.net.shared_slots import SharedSlots
from agentroster.net.shared_windows import SharedWindows
from agentroster.settings.settings import Settings
from agentroster.skills.capability_options import AccountsOptions, HttpOptions, LibraryOptions, ModelType
from agentroster.skills.context import SkillContext
from agentroster.skills.hub import bucket_of, hub_redirects
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
    """Opens the capabilities that a skill declares, as far as its caller may use them."""

    def __init__(self, registry: SkillRegistry, openers: Mapping[str, Opener]) -> None:
        """`openers` has one for each capability, by its name."""
        self._registry = registry
        self._openers = openers

    def get(self, name: str, find_model: FindModel) -> Skill:
        """Return a skill, for a run with this model. Raises NotFound."""
        return self._registry.get(name).with_model(find_model)

    def context(self, skill: Skill, caller: Caller, agent: str, proposals: Proposals | None = None) -> SkillContext:
        """Return what this skill is handed for this caller, who asks this agent; `proposals` make a dry run."""
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
        "http": HttpOpener(settings, client, slots, KeptAnswers(settings.data_dir / "hub-answers")).open,
        "accounts": lambda options, grant: _accounts(accounts, options, grant),
        "memory": lambda _, grant: {"memory": Memory(database, grant.caller, grant.skill)},
        "library": LibraryOpener(Library(settings.library)).open,
    }


class HttpOpener:
    """Opens HTTP to declared hosts; requests to the hub carry its token where the hub is declared."""

    def __init__(
        self,
        settings: Settings,
        client: httpx.AsyncClient,
        slots: SharedSlots | None = None,
        kept: KeptAnswers | None = None,
    ) -> None:
        """With `kept` answers the hub is only asked whether they are still right."""
        self._client = client
        self._kept = kept or KeptAnswers()
        self._limiter = ConcurrencyLimiter(settings.host_requests, slots, "requests")
        self._hub_endpoint = settings.hf_endpoint.rstrip("/")
        self._hub = Origin.of(self._hub_endpoint)
        self._redirects = hub_redirects(settings)
        windows = SharedWindows(settings.data_dir / "windows.json", slots) if slots else None
        self._limits = RateLimits(
            settings.hub_wait_seconds, lambda url: bucket_of(url, self._redirects.senders), windows
        )
        token = settings.hf_token.get_secret_value() if settings.hf_token else ""
        self._hub_headers = {self._hub: {"authorization": f"Bearer {token}"}} if token else {}

    def open(self, options: HttpOptions, _grant: Grant) -> Mapping[str, object]:
        """Return the client for the declared hosts, and the address of the hub."""
        reaches_hub = _HUB in options.hosts
        egress = Egress(
            self._client,
            [host for host in options.hosts if host != _HUB],
            trusted=[self._hub] if reaches_hub else [],
            credentials=self._hub_headers if reaches_hub else {},
            slots=self._limiter,
            redirects=self._redirects if reaches_hub else NO_REDIRECTS,
            limits=self._limits if reaches_hub else None,
        )
        return {"http": egress, "hub_endpoint": self._hub_endpoint, "hub_answers": self._kept}


class LibraryOpener:
    """Opens the library, its sidecars and previews; writing needs the declaration and a proven caller."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def open(self, options: LibraryOptions, grant: Grant) -> Mapping[str, object]:
        """Return the library; what may not be written refuses it with the reason."""
        library = only_types(self._library, options.types)
        stranger = "" if grant.caller.is_person else say("skills.no_person_no_writing")
        metadata = stranger if options.write_metadata else say("skills.may_not_write_metadata", skill=grant.skill)
        previews = stranger if options.write_previews else say("skills.may_not_write_previews", skill=grant.skill)
        return {
            "library": library,
            "sidecars": Sidecars(library, refusal=metadata, proposals=grant.proposals),
            "previews": Previews(library, refusal=previews, dry_run=grant.proposals is not None),
        }


def only_types(library: Library, types: tuple[ModelType, ...] | None) -> Library:
    """Return the library with only the models of some types; one of unknown type is outside."""
    return library if types is None else library.only(lambda model: model_type_of(model) in types, types)


def _accounts(source: AccountSource, options: AccountsOptions, grant: Grant) -> Mapping[str, object]:
    declared = frozenset(options.providers)
    return {"accounts": Accounts(source=source, caller=grant.caller, declared=declared, agent=grant.agent)}
