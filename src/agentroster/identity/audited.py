"""Records which keys are used and refused, around the authentication."""

from collections.abc import Callable, Sequence

from agentroster.db.database import Database
from agentroster.errors import Unauthenticated
from agentroster.identity.authenticate import Authenticator, UserNotProven
from agentroster.identity.caller import Caller
from agentroster.identity.key_watch import KeyWatch
from agentroster.identity.keys import KeyStore, public_part
from agentroster.settings.settings import Settings


class AuditedAuthenticator(Authenticator):
    """Decides who asks, and records uses and refusals of keys; a request without a key is no refusal."""

    def __init__(self, settings: Settings, database: Database) -> None:
        super().__init__(settings, KeyStore(database))
        self._watch = KeyWatch(database)

    async def authenticate(self, key: str, header_values: Callable[[str], Sequence[str]]) -> Caller:
        """Return who asks. Raises Unauthenticated."""
        try:
            caller = await super().authenticate(key, header_values)
        except UserNotProven as error:
            self._watch.refused(error.key_id, "user not proven")
            raise
        except Unauthenticated:
            if key.strip():
                self._watch.refused(public_part(key.strip()))
            raise
        self._watch.used(caller)
        return caller

    async def aclose(self) -> None:
        """Write the uses and refusals that are still in memory."""
        await super().aclose()
        await self._watch.aclose()
