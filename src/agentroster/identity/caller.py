"""`Caller`: who asks, as proven by the key or token of this very request."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, cast
from urllib.parse import quote

Proof: TypeAlias = Literal["master_key", "own_key", "signed_token", "forwarder", "none"]

_ISSUERS = {"master_key": "roster", "own_key": "roster", "signed_token": "open-webui", "forwarder": "open-webui"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and how we know.

    `user` is None when a key is valid but names no person: such a caller gets no credentials and writes
    nothing. A person is the pair (`issuer`, `user`); the same name from two issuers is two people.
    """

    user: str | None
    proof: Proof
    key_id: str = ""
    models: tuple[str, ...] = ()
    chat_id: str = ""
    name: str = ""

    @property
    def shown_name(self) -> str:
        """How a page calls this person: the name Open WebUI signs, or the user of the key. Never an identity."""
        return self.name or self.user or ""

    @property
    def issuer(self) -> str:
        """Who vouches for `user`: this proxy, or Open WebUI."""
        return _ISSUERS.get(self.proof, "")

    @property
    def is_person(self) -> bool:
        """Whether somebody in particular is proven to ask."""
        return self.user is not None and self.proof != "none"

    @property
    def is_overheard(self) -> bool:
        """Whether other people read this conversation, as they do in a channel of Open WebUI."""
        return self.chat_id.startswith("channel:")

    @property
    def qualified_user(self) -> str:
        """One text for the pair (`issuer`, `user`), which no other person has; for nobody, one of the key.

        `issuer:user`, percent-encoded, because LiteLLM cuts what it makes of it at colons and semicolons.
        """
        whose = f":{quote(self.key_id, safe='')}" if self.user is None else quote(self.user, safe="")
        return f"{self.issuer}:{whose}"

    def may(self, *models: str) -> bool:
        """Whether the caller's key permits one of these models; a key without a list permits everything.

        Every door asks this: what works for certain agents (a skill, a job, a model of one's own) is open to whoever
        may use one of them. `*` in a list stands for any text, as it does for LiteLLM.
        """
        return not self.models or any(permits(pattern, model) for pattern in self.models for model in models)

    def session_key(self, secret: bytes, agent: str) -> str:
        """Derive the name of this conversation: nobody else can arrive at it, whatever chat id they send."""
        parts = (self.issuer, self.user or "", agent, self.chat_id)
        # Length prefixes, because joining by a separator lets ("a|b", "c") meet ("a", "b|c").
        text = b"".join(f"{len(part.encode())}:{part}".encode() for part in parts)
        return hmac.new(secret, text, hashlib.sha256).hexdigest()[:32]

    def to_claims(self) -> dict[str, str | None]:
        """Return plain values for the trip through LiteLLM's metadata."""
        return {
            "user": self.user,
            "proof": self.proof,
            "key_id": self.key_id,
            "models": ",".join(self.models),
            "chat_id": self.chat_id,
            "name": self.name,
        }

    @classmethod
    def from_claims(cls, claims: object) -> Self:
        """Read what `to_claims` wrote; anything else is a caller without proof."""
        if not isinstance(claims, dict):
            return cls(user=None, proof="none")
        values = cast("dict[str, str | None]", claims)
        user = values.get("user")
        return cls(
            user=user if isinstance(user, str) else None,
            proof=cast("Proof", values.get("proof", "none")),
            key_id=str(values.get("key_id", "")),
            models=tuple(name for name in str(values.get("models", "")).split(",") if name),
            chat_id=str(values.get("chat_id", "")),
            name=str(values.get("name", "")),
        )


def permits(pattern: str, model: str) -> bool:
    """Whether an entry of a key's list means this model."""
    if "*" not in pattern:
        return pattern == model
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), model, re.DOTALL) is not None


ANONYMOUS = Caller(user=None, proof="none")
