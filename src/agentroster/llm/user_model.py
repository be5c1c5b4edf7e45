"""Chooses a person's own language model before the deployment's: the account `llm`."""

import time

import httpx

from agentroster.accounts.access import AccountSource, owner_of
from agentroster.accounts.api import checked_base
from agentroster.credentials.credential import Owner, Secret
from agentroster.identity.caller import Caller
from agentroster.llm.backend import Backends, ModelChoice
from agentroster.llm.endpoint import Endpoint
from agentroster.logs import redactor
from agentroster.lru import LruDict
from agentroster.messages import say

PROVIDER = "llm"
_FORGET_SECONDS = 5.0
_MAX_KNOWN = 10_000


class Models:
    """Finds the model for a person's run. That somebody has none of their own is remembered for five seconds."""

    def __init__(
        self,
        backends: Backends,
        accounts: AccountSource,
        transport: httpx.AsyncBaseTransport,
        *,
        timeout_seconds: float,
        task_model: str | None,
    ) -> None:
        """`transport` is the pool for addresses that people give."""
        self._backends = backends
        self._task_model = task_model
        self._accounts = accounts
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._without = LruDict[Owner, float](_MAX_KNOWN)

    async def choose(self, wish: str | None, caller: Caller, backend: str | None = None) -> ModelChoice | None:
        """Return the caller's own model, else the deployment's; what an agent wishes for by name comes first.

        The secret of an own model is masked for the rest of `redactor.watching`. Raises NotAllowed for an address
        that is not permitted any more, BadInput as `Backends.choose`.
        """
        if wish is None and backend is None and caller.is_person:
            secret = await self._own(owner_of(caller, PROVIDER))
            if secret is not None:
                return self.choice_of(secret)
        return self._backends.choose(wish, backend)

    def for_tasks(self) -> ModelChoice | None:
        """Return the operator's small model for background tasks, or None. No account is looked at."""
        return self._backends.choose(self._task_model) if self._task_model else None

    def choice_of(self, secret: Secret) -> ModelChoice:
        """Return the model that an account describes."""
        base = checked_base(secret["url"], self._accounts.trusted)
        key = secret.get("token") or "none"
        redactor.watch([key])
        endpoint = Endpoint(
            self._transport,
            base_url=base,
            api_key=key,
            timeout_seconds=self._timeout_seconds,
            memory=self._backends.memory,
            advice=say("llm.advice_own_model"),
            name=say("llm.server_own"),
        )
        return ModelChoice(secret["model"], endpoint, server=base, questions=self._backends.questions)

    def forget(self, owner: Owner) -> None:
        """Look again the next time: somebody connected or changed a model."""
        self._without.pop(owner, None)

    async def _own(self, owner: Owner) -> Secret | None:
        if self._without.get(owner, 0.0) > time.monotonic():
            return None
        store = self._accounts.store
        secret = await store.in_reader(store.get, owner)
        if secret is None:
            self._without[owner] = time.monotonic() + _FORGET_SECONDS
        return secret
