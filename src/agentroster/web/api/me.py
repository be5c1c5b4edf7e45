"""`/roster/api/me/llm`: a person's own language model. Its key is written, and never read back."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentroster.accounts.access import AccountSource, owner_of
from agentroster.accounts.api import checked_base
from agentroster.accounts.connect import read_form
from agentroster.agents.rights import Rights
from agentroster.credentials.audit import Act
from agentroster.credentials.credential import Credential, Secret
from agentroster.errors import BadInput, ModelMissing, RosterError
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.llm.completion import CompletionRequest
from agentroster.llm.user_model import PROVIDER, Models
from agentroster.logs import redactor
from agentroster.messages import say
from agentroster.web.api.requests import answering, json_object

_BASES = {"openai": "https://api.openai.com/v1", "ollama": "http://127.0.0.1:11434/v1"}
_FIELDS = frozenset({"provider", "base_url", "model", "api_key"})
_ACT = Act(action="llm", actor="user")


@dataclass(frozen=True, slots=True)
class UserModelRoutes:
    """Shows, sets, deletes and tries the model of whoever asks; not for a key that permits no agent to use it."""

    authenticator: Authenticator
    accounts: AccountSource
    models: Models
    rights: Rights

    def routes(self) -> list[Route]:
        """Return the routes."""
        path, who = "/roster/api/me/llm", self.authenticator
        return [
            Route(path, answering(self._show, who), methods=["GET"]),
            Route(path, answering(self._set, who), methods=["PUT"]),
            Route(path, answering(self._delete, who), methods=["DELETE"]),
            Route(f"{path}/test", answering(self._test, who), methods=["POST"]),
        ]

    async def _show(self, _request: Request, caller: Caller) -> Response:
        self.rights.require_agent(caller)
        secret = await self.accounts.store.in_thread(self.accounts.store.get, owner_of(caller, PROVIDER))
        if secret is not None:
            return JSONResponse({"source": "own", **_shown(secret)})
        choice = await self.models.choose(None, caller)
        return JSONResponse({"source": "deployment" if choice else "none", "model": choice.name if choice else None})

    async def _set(self, request: Request, caller: Caller) -> Response:
        self.rights.require_agent(caller)
        owner = owner_of(caller, PROVIDER)
        earlier = await self.accounts.store.in_thread(self.accounts.store.get, owner)
        secret = self._read(await json_object(request), earlier)
        await self.accounts.store.in_thread(
            self.accounts.store.put, Credential(owner=owner, label=secret["model"]), secret, _ACT
        )
        self.models.forget(owner)
        return JSONResponse({"source": "own", **_shown(secret)})

    async def _delete(self, _request: Request, caller: Caller) -> Response:
        self.rights.require_agent(caller)
        await self.accounts.store.in_thread(
            self.accounts.store.delete, owner_of(caller, PROVIDER), Act(action="delete", actor="user")
        )
        return Response(status_code=204)

    async def _test(self, request: Request, caller: Caller) -> Response:
        """Make one real call, with the settings of the body or the stored ones."""
        self.rights.require_agent(caller)
        body = await json_object(request)
        with redactor.watching():
            if body:
                earlier = await self.accounts.store.in_thread(self.accounts.store.get, owner_of(caller, PROVIDER))
                choice = self.models.choice_of(self._read(body, earlier))
            else:
                choice = await self.models.choose(None, caller)
            if choice is None:
                raise ModelMissing(say("web.no_model_to_try"))
            begun = time.monotonic()
            question = CompletionRequest(
                model=choice.name, messages=[{"role": "user", "content": "Answer with the word OK."}], params={}
            )
            try:
                said = "".join([chunk.text async for chunk in choice.chat.complete(question)])
            except RosterError as error:
                return JSONResponse({"ok": False, "error": redactor.clean(error.message), "code": error.code})
        return JSONResponse({"ok": True, "answer": said[:200], "milliseconds": int((time.monotonic() - begun) * 1000)})

    def _read(self, body: Mapping[str, object], earlier: Secret | None) -> Secret:
        unknown = body.keys() - _FIELDS
        if unknown:
            names, known = ", ".join(sorted(unknown)), ", ".join(sorted(_FIELDS))
            raise BadInput(say("web.field_unknown", names=names, known=known))
        texts = {name: value for name, value in body.items() if isinstance(value, str)}
        if len(texts) != len([value for value in body.values() if value is not None]):
            raise BadInput(say("web.field_not_text"))
        base = texts.get("base_url") or _BASES.get(texts.get("provider", "custom"), "")
        kept = earlier.get("token", "") if earlier and earlier["url"] == base else ""
        values = {"url": base, "model": texts.get("model", ""), "token": texts.get("api_key", kept)}
        secret = read_form(self.accounts.providers.get(PROVIDER), values)
        checked_base(secret["url"], self.accounts.trusted)
        return secret


def _shown(secret: Secret) -> dict[str, object]:
    return {"base_url": secret["url"], "model": secret["model"], "has_key": bool(secret.get("token"))}
