"""Authenticates, and records the outcome."""

from collections.abc import Callable, Sequence

from agentroster.db.database import Database
from agentroster.errors import Unauthenticated
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.identity.key_watch import KeyWatch
from agentroster.identity.keys import KeyStore, public_part
from agentroster.settings.settings import Settings


class _UserNotProven(Unauthenticated):
    """The key of a forwarder is good; what it says of the user is not."""

    def __init__(self, message: str, key_id: str) -> None:
        super().__init__(message)
        self.key_id = key_id


class AuditedAuthenticator(Authenticator):
    """Decides who asks, and notes uses and refusals of keys; a request without a key is no refused key."""

    def __init__(self, settings: Settings, database: Database) -> None:
        super().__init__(settings, KeyStore(database))
        self._watch = KeyWatch(database)

    async def authenticate(self, key: str, header_values: Callable[[str], Sequence[str]]) -> Caller:
        """Return who asks. Raises Unauthenticated."""
        try:
            caller = await super().authenticate(key, header_values)
        except _UserNotProven as error:
            self._watch.refused(error.key_id, "user not proven")
            raise
        except Unauthenticated:
            if key.strip():
                self._watch.refused(public_part(key.strip()))
            raise
        self._watch.used(caller)
        return caller

    async def aclose(self) -> None:
        """Write which keys were used, and what is left of the record."""
        await super().aclose()
        await self._watch.aclose()

    def _forwarded(
        self, header_values: Callable[[str], Sequence[str]], *, key_id: str, models: tuple[str, ...], chat_id: str
    ) -> Caller:
        try:
            return super()._forwarded(header_values, key_id=key_id, models=models, chat_id=chat_id)
        except Unauthenticated as error:
            raise _UserNotProven(error.message, key_id) from error
