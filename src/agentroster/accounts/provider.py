"""`Provider`: one kind of account, such as GitHub."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from agentroster.credentials.credential import Secret
from agentroster.errors import BadInput

if TYPE_CHECKING:
    from agentroster.accounts.api import Api

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of the form in which a person gives a token. A `secret` one is never shown again."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a provider says about an account: a name for lists, and the rights the token has."""

    label: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """An OAuth 2 client at one authorization server, always with PKCE (S256).

    With empty addresses, they come from the discovery document of `issuer` (RFC 8414), which must name S256.
    `client_auth` is how the server wants its client proven (RFC 6749 section 2.3.1); `revoke` says how a token is
    given back: RFC 7009, GitHub's own way, or not at all.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    client_auth: Literal["basic", "post"] = "basic"
    revoke: Literal["rfc7009", "github", ""] = "rfc7009"
    extra: Mapping[str, str] = field(default_factory=dict[str, str])


Check: TypeAlias = "Callable[[Api], Awaitable[Profile]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One kind of account: what a person gives, where it is sent, and how it is proven to work.

    `bases` returns the addresses that requests may go to, the first for relative paths; nothing else ever gets the
    headers that `headers` makes of the secret. `check` makes one call and raises a RosterError when it fails.
    `tool_headers` are request headers of this service that a tool may set, in lower case. `manage_url` is where a
    person makes a token, and removes it. Raises BadInput for a name outside the rule.
    """

    name: str
    title: str
    bases: Callable[[Secret], tuple[str, ...]]
    headers: Callable[[Secret], Mapping[str, str]]
    check: Check
    fields: tuple[FormField, ...] = ()
    oauth: OAuth | None = None
    tool_headers: frozenset[str] = frozenset()
    manage_url: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(f"{self.name!r} is no name of a provider: use lower-case letters, digits and single hyphens")
        if not self.fields and self.oauth is None:
            raise BadInput(f"the provider {self.name} has neither fields for a token nor OAuth")

    def hidden(self, secret: Secret) -> list[str]:
        """Return the values of an account that nobody may see, all but those of open fields such as its address."""
        shown = {one.name for one in self.fields if not one.secret}
        return [value for name, value in secret.items() if name not in shown]

    @property
    def token_usage(self) -> str:
        """How the token form is written in a chat."""
        words = [one.name.upper() if one.required else f"[{one.name.upper()}]" for one in self.fields]
        return " ".join(["/token", self.name, *words])


def bearer(secret: Secret) -> Mapping[str, str]:
    """Return the header of a bearer token, from OAuth or from a form."""
    return {"authorization": f"Bearer {secret.get('access_token') or secret['token']}"}
