"""Skills for one caller: the registry, and the doors each skill is handed."""

import httpx

from agentroster.accounts.access import Accounts, AccountSource
from agentroster.db.database import Database
from agentroster.identity.caller import Caller
from agentroster.library.library import Library
from agentroster.library.model_type import model_type_of
from agentroster.library.preview import Previews
from agentroster.library.sidecar import Proposals, Sidecars
from agentroster.net.concurrency_limiter import Slots
from agentroster.net.egress import Egress, Origin
from agentroster.settings.settings import Settings
from agentroster.skills.context import SkillContext
from agentroster.skills.memory import Memory
from agentroster.skills.question import FindModel
from agentroster.skills.registry import Skill, SkillRegistry

_HUB = "$HF_ENDPOINT"


class SkillAccess:
    """Opens doors exactly as far as a skill declares and the caller may go."""

    def __init__(
        self,
        settings: Settings,
        *,
        registry: SkillRegistry,
        database: Database,
        client: httpx.AsyncClient,
        accounts: AccountSource,
    ) -> None:
        self._registry = registry
        self._database = database
        self._accounts = accounts
        self._client = client
        self._slots = Slots(settings.host_requests)
        self._hub_endpoint = settings.hf_endpoint.rstrip("/")
        self._hub = Origin.of(self._hub_endpoint)
        token = settings.hf_token.get_secret_value() if settings.hf_token else ""
        self._hub_headers = {self._hub: {"authorization": f"Bearer {token}"}} if token else {}
        self.library = Library(settings.library)

    def get(self, name: str, find_model: FindModel) -> Skill:
        """Return a skill, for a run with this model. Raises NotFound."""
        return self._registry.get(name).with_model(find_model)

    def context(self, skill: Skill, caller: Caller, agent: str, proposals: Proposals | None = None) -> SkillContext:
        """Return the world as this skill sees it for this caller, who asks this agent; `proposals` make a dry run."""
        name, permissions = skill.manifest.name, skill.manifest.permissions
        declared = frozenset(skill.manifest.credentials)
        library = library_for(self.library, skill)
        return SkillContext(
            skill=name,
            caller=caller,
            accounts=Accounts(source=self._accounts, caller=caller, declared=declared, agent=agent),
            memory=Memory(self._database, caller, name),
            library=library,
            sidecars=Sidecars(
                library,
                refusal=_refusal(name, "metadata", permitted=permissions.write_metadata, caller=caller),
                proposals=proposals,
            ),
            previews=Previews(
                library,
                refusal=_refusal(name, "previews", permitted=permissions.write_previews, caller=caller),
                dry_run=proposals is not None,
            ),
            http=self._egress(skill),
            hub_endpoint=self._hub_endpoint,
        )

    def _egress(self, skill: Skill) -> Egress:
        domains = skill.manifest.permissions.network_domains
        reaches_hub = _HUB in domains
        return Egress(
            self._client,
            [domain for domain in domains if domain != _HUB],
            trusted=[self._hub] if reaches_hub else [],
            credentials=self._hub_headers if reaches_hub else {},
            slots=self._slots,
        )


def library_for(library: Library, skill: Skill) -> Library:
    """Return the library as far as the skill's `model_type_filter` goes; a model of unknown type is outside."""
    types = skill.manifest.model_type_filter
    if types is None:
        return library
    return library.only(lambda model: model_type_of(model) in types, f"models of the type {' or '.join(types)}")


def _refusal(skill: str, what: str, *, permitted: bool, caller: Caller) -> str:
    """Return why nothing may be written, or an empty text."""
    if not permitted:
        return f"the skill {skill} has no permission to write {what}"
    if not caller.is_person:
        return "writing needs a proven identity: ask with a key of your own; nothing was written"
    return ""
