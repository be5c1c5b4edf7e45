"""Puts the parts of a running proxy together, once."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from agentroster.accounts.access import AccountSource
from agentroster.accounts.connect import Connector
from agentroster.accounts.oauth import OAuthClient
from agentroster.accounts.refresh import Refresher
from agentroster.accounts.registry import ProviderRegistry
from agentroster.accounts.use_record import UseRecord
from agentroster.agents.image_hosts import ImageHosts
from agentroster.agents.registry import AgentRegistry
from agentroster.agents.reload import Reloader
from agentroster.agents.rights import Rights
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.secret_file import read_ring
from agentroster.credentials.store import CredentialStore
from agentroster.db.data_folder import Role, in_use
from agentroster.db.database import Database
from agentroster.identity.audited import AuditedAuthenticator
from agentroster.identity.key_audit import KeyAudit
from agentroster.identity.open_requests import OpenRequests
from agentroster.jobs.past_runs import PersonsRuns
from agentroster.jobs.retention import Retention
from agentroster.jobs.service import Jobs
from agentroster.jobs.store import JobStore
from agentroster.llm.backend import Backends
from agentroster.llm.completion import ChatModel
from agentroster.llm.named_backends import NamedBackends
from agentroster.llm.user_model import Models
from agentroster.logs import redactor
from agentroster.net.client import open_client, open_transport
from agentroster.net.egress import Origin
from agentroster.net.shared_slots import SharedSlots
from agentroster.roster_schema import ROSTER_SCHEMA
from agentroster.runs.answers import Answers
from agentroster.runs.runner import Runner
from agentroster.settings.settings import Settings, load_settings
from agentroster.signals.signals import Signals
from agentroster.skills.access import SkillAccess, openers_of
from agentroster.skills.registry import SkillRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Everything a request needs; belongs to one event loop."""

    settings: Settings
    agents: AgentRegistry
    skills: SkillRegistry
    authenticator: AuditedAuthenticator
    answers: Answers
    models: Models
    jobs: Jobs
    worker_secret: bytes
    signals: Signals
    rights: Rights
    retention: Retention
    database: Database
    connector: Connector
    client: httpx.AsyncClient
    model_transport: httpx.AsyncHTTPTransport
    named_backends: NamedBackends
    page_secret: bytes
    held: ExitStack
    requests: OpenRequests = field(default_factory=OpenRequests)

    @classmethod
    def open(
        cls,
        settings: Settings,
        proxy_model: Callable[[], ChatModel],
        public_url: str = "",
        role: Role = "command",
    ) -> "Runtime":
        """Open databases and HTTP client and load skills and agents. Raises StartRefused.

        `public_url` is where browsers reach the proxy, unless the operator says something else.
        """
        held = ExitStack()
        # Two proxies would each count limits and run jobs of one SQLite file; a server of databases is made for it.
        alone = role == "serve" and isinstance(settings.database, Path)
        held.enter_context(in_use(settings.data_dir, role, alone=alone))
        ring = KeyRing.parse(settings.required("encryption_key"))
        # The file may have got a key since, as when somebody rotates while this runs.
        reread = partial(_ring_of_now, settings.data_dir)
        store = CredentialStore.open(settings.credentials_database, ring, reread)
        database = Database.open(settings.database, ROSTER_SCHEMA)
        transport = _transport(settings.api_base, settings.hf_endpoint, *settings.hub_downloads)
        client = open_client(transport)
        account_transport, connector = _open_accounts(settings, store, public_url)
        skills = SkillRegistry.load(settings.skills_dir, settings.plugins)
        agents = AgentRegistry.load(settings, skills)
        slots = SharedSlots(settings.data_dir / "slots.lock", is_worker=role == "worker") if role != "command" else None
        openers = openers_of(
            settings,
            database=database,
            client=client,
            accounts=connector.source,
            past_runs=lambda caller, skill: PersonsRuns(JobStore(database), caller, skill),
            slots=slots,
        )
        access = SkillAccess(skills, openers)
        signals = Signals(database, settings.database)
        named_backends = NamedBackends(agents.backends, settings.llm_timeout_seconds)
        models = Models(
            Backends(settings, transport, proxy_model, named_backends, slots),
            connector.source,
            account_transport,
            timeout_seconds=settings.llm_timeout_seconds,
            task_model=settings.task_model,
        )
        connector.when_changed = models.forget
        rights = Rights(agents)
        jobs = Jobs(
            JobStore(database),
            access,
            lambda caller: models.choose(None, caller),
            rights,
            signals=signals,
            max_queued=settings.queued_jobs,
        )
        runner = Runner(
            settings,
            agents=agents,
            skills=access,
            connector=connector,
            models=models,
            session_secret=ring.subkey("session-key"),
            jobs=jobs,
        )
        return cls(
            settings=settings,
            agents=agents,
            skills=skills,
            authenticator=AuditedAuthenticator(settings, database),
            answers=Answers(runner, ImageHosts(settings, agents, skills)),
            models=models,
            jobs=jobs,
            signals=signals,
            rights=rights,
            retention=_retention(settings, database, store),
            database=database,
            connector=connector,
            client=client,
            model_transport=transport,
            named_backends=named_backends,
            worker_secret=ring.subkey("worker"),
            page_secret=ring.subkey("pages"),
            held=held,
        )

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value in the clear, for the log redaction only."""
        return (*self.settings.secrets(), *self.agents.secrets())

    def reloader(self) -> Reloader:
        """Return what keeps the agents up to date."""
        return Reloader(self.agents, self.signals, lambda: redactor.learn(self.secrets()))

    async def aclose(self) -> None:
        """Wait for refreshes and writes, and close connections."""
        accounts = self.connector.source
        await self.retention.aclose()
        await self.signals.aclose()
        await accounts.refresher.aclose()
        await accounts.uses.aclose()
        await accounts.client.aclose()
        await self.client.aclose()
        await self.named_backends.aclose()
        await self.authenticator.aclose()
        self.database.close()
        accounts.store.close()
        self.held.close()


def _open_accounts(
    settings: Settings, store: CredentialStore, public_url: str
) -> tuple[httpx.AsyncHTTPTransport, Connector]:
    """Return the pool for addresses that people give, and what connects and opens accounts.

    The pool is one of its own: such an address must not reach the operator's model server.
    """
    addresses = (*settings.trusted_urls, settings.github_url, settings.oidc_issuer, settings.oidc_api_url)
    transport = _transport(*addresses)
    client = open_client(transport)
    trusted = frozenset(Origin.of(address) for address in addresses if address)
    oauth = OAuthClient(client, trusted)
    source = AccountSource(
        providers=ProviderRegistry.load(settings),
        store=store,
        refresher=Refresher(store, oauth, client, trusted),
        uses=UseRecord(store),
        client=client,
        trusted=trusted,
    )
    return transport, Connector(source, oauth, settings.public_url or public_url or _address(settings))


def _ring_of_now(data_dir: Path) -> KeyRing | None:
    return read_ring(load_settings(data_dir=data_dir))


def _retention(settings: Settings, database: Database, store: CredentialStore) -> Retention:
    """Return what deletes old rows of every table that grows."""
    dropped = [
        (database, JobStore(database).drop_before),
        (database, KeyAudit(database).drop_before),
        (store.database, store.audit.drop_before),
    ]
    return Retention(dropped, settings.keep_days)


def _transport(*addresses: str | None) -> httpx.AsyncHTTPTransport:
    """Open a pool in which these services of the operator's may be on a private network."""
    origins = [Origin.of(address) for address in addresses if address]
    return open_transport([(origin.host, origin.port) for origin in origins])


def _address(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"
