"""Memory and accounts that live in a test, with the rules of the real ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx

from agentroster.accounts.api import Api
from agentroster.accounts.provider import FormField, Profile, Provider, bearer
from agentroster.credentials.credential import Secret
from agentroster.errors import BadInput, CredentialMissing, NotAllowed
from agentroster.identity.caller import Caller
from agentroster.testing.answers import Responder, respond

_MAX_VALUE = 4000


@dataclass(frozen=True, slots=True)
class MemoryStandIn:
    """A few short values of one skill for one caller, kept in a dict."""

    values: dict[tuple[str, str, str], str]
    caller: Caller
    skill: str

    async def get(self, name: str) -> str | None:
        """Return what was remembered under this name, or None."""
        return self.values.get((self.caller.qualified_user, self.skill, name)) if self.caller.is_person else None

    async def set(self, name: str, value: str) -> None:
        """Remember a value. Raises NotAllowed for a caller without a proven identity, BadInput if too long."""
        if not self.caller.is_person:
            raise NotAllowed("I can only remember things for somebody I know: ask with a key of your own.")
        if len(value) > _MAX_VALUE:
            raise BadInput(f"That is too long to remember (more than {_MAX_VALUE} characters).")
        self.values[self.caller.qualified_user, self.skill, name] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsStandIn:
    """Accounts whose services answer from a table; each is at `https://NAME.test`, and takes any path below that."""

    answers: Mapping[str, Responder]
    caller: Caller
    declared: frozenset[str]
    may_write: bool = False
    _opened: dict[str, Api] = field(default_factory=dict[str, Api])

    def for_call(self, tool: str, *, may_write: bool) -> "AccountsStandIn":  # noqa: ARG002 - as the real one
        """Return the accounts for one call of a tool."""
        return replace(self, may_write=may_write, _opened={})

    async def open(self, name: str) -> Api:
        """Return an account. Raises NotAllowed and CredentialMissing as the real one does."""
        if name not in self.declared:
            raise NotAllowed(f"This skill does not declare the account {name[:60]!r} in `credentials`.")
        if not self.caller.is_person:
            raise NotAllowed("Accounts need a proven identity: ask with a key of your own.")
        if name not in self.answers:
            raise CredentialMissing(name, name.capitalize())
        if name not in self._opened:
            self._opened[name] = self._api(name, self.answers[name])
        return self._opened[name]

    def close(self, outcome: str) -> None:  # noqa: ARG002 - as the real one
        """Forget the secrets."""
        for api in self._opened.values():
            api.close()
        self._opened.clear()

    def _api(self, name: str, responder: Responder) -> Api:
        async def handle(request: httpx.Request) -> httpx.Response:
            return await respond(responder, request)

        client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
        return Api(provider_of(name), Secret({"token": "test"}), client, frozenset(), may_write=self.may_write)


def provider_of(name: str) -> Provider:
    """Return a kind of account that takes a token."""
    return Provider(
        name=name,
        title=name.capitalize(),
        bases=lambda _: (f"https://{name}.test",),
        headers=bearer,
        check=_check,
        fields=(FormField(name="token", label="token", secret=True),),
    )


async def _check(_: Api) -> Profile:
    return Profile(label="test")
