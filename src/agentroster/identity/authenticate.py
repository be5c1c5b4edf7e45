"""Finds the `Caller` for the key and headers of one request."""

import hmac
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from agentroster.errors import NotAllowed, TooManyRequests, Unauthenticated
from agentroster.identity.caller import Caller
from agentroster.identity.keys import KeyStore
from agentroster.identity.openwebui import CHAT_HEADER, forwarded_user
from agentroster.identity.presented_key import RawHeaders, presented_key
from agentroster.identity.request_rate import RequestRate
from agentroster.identity.reserved import ADMIN
from agentroster.lru import LruDict
from agentroster.messages import say
from agentroster.settings.settings import Settings

_MAX_CHAT_ID = 200
_MAX_RIGHT_KEYS = 10_000
_GUESSING_SECONDS = 10


class UserNotProven(Unauthenticated):
    """The key of a forwarder is good; what it says of the user is not."""

    def __init__(self, message: str, key_id: str) -> None:
        super().__init__(message)
        self.key_id = key_id


class Authenticator:
    """Decides who asks. Identity never comes from a request body."""

    def __init__(self, settings: Settings, keys: KeyStore) -> None:
        self._keys = keys
        self._master = settings.master_key.get_secret_value() if settings.master_key else None
        self._forwarder = settings.openwebui_key.get_secret_value() if settings.openwebui_key else None
        self._jwt_secret = settings.openwebui_jwt_secret.get_secret_value() if settings.openwebui_jwt_secret else None
        self._rate = RequestRate(settings.requests_per_minute)
        self._wrong_keys = RequestRate(settings.wrong_keys_per_minute)
        # Hashes of keys that were right: behind a reverse proxy their holders share an address with whoever guesses.
        self._right = LruDict[int, None](_MAX_RIGHT_KEYS)

    async def admit(self, headers: RawHeaders, address: str) -> Caller:
        """Return who asks, counting the request; `address` is the client's.

        Raises Unauthenticated, and TooManyRequests for a caller who asks too often or an address with many wrong keys.
        """
        key = presented_key(headers)
        is_configured = _same(key, self._master) or _same(key, self._forwarder)
        is_guess = bool(key) and hash(key) not in self._right and not is_configured
        if is_guess and self._wrong_keys.is_exhausted(address):
            raise TooManyRequests(say("identity.guessing"), retry_after=_GUESSING_SECONDS)
        try:
            caller = await self.authenticate(key, lambda name: _values(headers, name))
        except Unauthenticated:
            if is_guess:
                self._wrong_keys.take(address)
            raise
        self._right[hash(key)] = None
        wait = self._rate.take((caller.key_id, caller.issuer, caller.user))
        if wait:
            raise TooManyRequests(say("identity.too_many_requests", count=wait), retry_after=wait)
        return caller

    async def authenticate(self, key: str, header_values: Callable[[str], Sequence[str]]) -> Caller:
        """Return who asks; `header_values(lower_case_name)` gives all values of a request header.

        Raises Unauthenticated with the same text for an unknown, expired and revoked key, NotAllowed for a key that an
        earlier version made for the operator's name, and StorageFailed.
        """
        key = key.strip()
        chat_ids = header_values(CHAT_HEADER)
        chat_id = chat_ids[0][:_MAX_CHAT_ID] if len(chat_ids) == 1 else ""
        if _same(key, self._master):
            return Caller(user=ADMIN, proof="master_key", key_id="master", chat_id=chat_id)
        if _same(key, self._forwarder):
            return self._forwarded(header_values, key_id="openwebui", models=(), chat_id=chat_id)
        stored = await self._keys.find(key)
        if stored is None:
            raise Unauthenticated(say("identity.key_invalid") if key else say("identity.key_missing"))
        if stored.forwarder:
            return self._forwarded(header_values, key_id=stored.id, models=stored.models, chat_id=chat_id)
        if stored.user == ADMIN:
            raise NotAllowed(say("identity.key_for_admin"))
        return Caller(user=stored.user, proof="own_key", key_id=stored.id, models=stored.models, chat_id=chat_id)

    async def active(self, key_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of these keys that may be used now."""
        return await self._keys.active(key_ids)

    async def aclose(self) -> None:
        """Write which keys were used."""
        await self._keys.aclose()

    def _forwarded(
        self, header_values: Callable[[str], Sequence[str]], *, key_id: str, models: tuple[str, ...], chat_id: str
    ) -> Caller:
        try:
            user = forwarded_user(header_values, self._jwt_secret)
        except Unauthenticated as error:
            raise UserNotProven(error.message, key_id) from error
        proof = "signed_token" if self._jwt_secret else "forwarder"
        return Caller(user=user.id, name=user.name, proof=proof, key_id=key_id, models=models, chat_id=chat_id)


def _values(headers: RawHeaders, name: str) -> list[str]:
    wanted = name.encode()
    return [value.decode("latin-1") for found, value in headers if found == wanted]


def _same(given: str, expected: str | None) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), (expected or "").encode())
