"""The nouns: whose credential it is, what may be shown of it, and its secret part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "reconnect"]
"""`reconnect`: the provider refused it for good; only its owner can mend that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose credential for which provider it is; a person is the pair (issuer, subject)."""

    issuer: str
    subject: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What may be shown of a credential. Times are seconds since 1970 UTC."""

    owner: Owner
    label: str = ""
    scopes: tuple[str, ...] = ()
    expires_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    key_id: str = ""
    state: State = "ok"


class Secret(Mapping[str, str]):
    """The secret part and the account's details, by field name; it does not show itself in a text or a traceback."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Secret({', '.join(self._fields)})"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
