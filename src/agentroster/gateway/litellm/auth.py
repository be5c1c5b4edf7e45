"""LiteLLM's `custom_auth`: from our `Caller` to its key object, without a database of LiteLLM's."""

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

from agentroster.errors import RosterError
from agentroster.gateway.litellm import state
from agentroster.gateway.request_context import current
from agentroster.gateway.requests.chat_request import ROSTER_FIELD
from agentroster.identity.caller import Caller
from agentroster.identity.open_requests import note_caller


class _Refused(HTTPException):
    """A refusal on purpose: the client is told, and the log needs no traceback of LiteLLM's."""

    roster_expected = True


async def user_api_key_auth(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """Return the key object of the caller that the request filter admitted; without one, authenticate the key.

    Raises HTTPException with our status: any other exception would become a 500.
    """
    context = current.get()
    if context is not None and context.caller is not None:
        return _key_object(context.caller)
    try:
        caller = await state.current().authenticator.authenticate(api_key or "", request.headers.getlist)
    except RosterError as error:
        raise _Refused(error.status, detail=error.message) from None
    note_caller(caller)
    return _key_object(caller)


def _key_object(caller: Caller) -> UserAPIKeyAuth:
    is_admin = caller.proof == "master_key"
    return UserAPIKeyAuth(
        # A name for the key, never the key: LiteLLM copies this into its metadata and logs.
        api_key=f"roster-{caller.key_id}",
        # Not the bare name: what LiteLLM keeps for `u1` of a key is not for `u1` of Open WebUI.
        user_id=caller.qualified_user,
        user_role=LitellmUserRoles.PROXY_ADMIN if is_admin else LitellmUserRoles.INTERNAL_USER,
        models=_models(caller),
        metadata={ROSTER_FIELD: caller.to_claims()},
    )


def _models(caller: Caller) -> list[str]:
    """Return the list of a key, with the agents that a `*` in it means: LiteLLM knows none for a pattern.

    Behind the request filter that is the agent asked for: our own models endpoint makes the list.
    """
    if not any("*" in name for name in caller.models):
        return list(caller.models)
    context = current.get()
    if context is not None and context.caller is not None:
        asked = context.model or ""
        return [*caller.models, *([asked] if asked and caller.may(asked) else [])]
    agents = [spec.model_name for spec in state.current().agents.all() if caller.may(spec.model_name)]
    return [*caller.models, *(name for name in agents if name not in caller.models)]
