"""The parts of a running proxy, put together once."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from agentroster.agents.registry import AgentRegistry
from agentroster.agents.runner import Runner
from agentroster.agents.skill_access import SkillAccess
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.db import Database
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.keys import KeyStore
from agentroster.llm.backend import Backends
from agentroster.llm.completion import ChatModel
from agentroster.net.client import open_client, open_transport
from agentroster.net.egress import Origin
from agentroster.settings import Settings
from agentroster.skills.registry import SkillRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Everything a request needs; belongs to one event loop."""

    settings: Settings
    agents: AgentRegistry
    skills: SkillRegistry
    authenticator: Authenticator
    runner: Runner
    database: Database
    credentials: CredentialStore
    client: httpx.AsyncClient

    @classmethod
    def open(cls, settings: Settings, proxy_model: Callable[[], ChatModel]) -> "Runtime":
        """Open database and HTTP client and load skills and agents. Raises StartRefused."""
        ring = KeyRing.parse(settings.required("encryption_key"))
        credentials = CredentialStore.open(settings.credentials_file, ring)
        database = Database.open(settings.database_file)
        transport = open_transport(_trusted(settings))
        client = open_client(transport)
        skills = SkillRegistry.load()
        agents = AgentRegistry.load(settings.plugins, skills)
        return cls(
            settings=settings,
            agents=agents,
            skills=skills,
            authenticator=Authenticator(settings, KeyStore(database)),
            runner=Runner(
                settings,
                agents=agents,
                skills=SkillAccess(settings, registry=skills, database=database, client=client),
                backends=Backends(settings, transport, proxy_model),
                session_secret=ring.subkey("session-key"),
            ),
            database=database,
            credentials=credentials,
            client=client,
        )

    async def aclose(self) -> None:
        """Close connections and wait for writes."""
        await self.client.aclose()
        self.database.close()
        self.credentials.close()


def _trusted(settings: Settings) -> list[tuple[str, int]]:
    """Return the services of the operator's own, which may be on the private network."""
    origins = [Origin.of(address) for address in (settings.api_base, settings.hf_endpoint) if address]
    return [(origin.host, origin.port) for origin in origins]
