"""LiteLLM's `custom_auth`: from our `Caller` to its key object, without a database of LiteLLM's."""

from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, UserAPIKeyAuth

from agentroster.errors import Unauthenticated
from agentroster.identity.caller import Caller
from agentroster.provider import state
from agentroster.provider.exchange import current
from agentroster.provider.request import ROSTER_FIELD


async def user_api_key_auth(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """Say who the front door let in; authenticate where there is none, and on paths that it does not know.

    Raises HTTPException 401: any other exception would become a 500.
    """
    exchange = current.get()
    if exchange is not None and exchange.caller is not None:
        return _key_object(exchange.caller)
    try:
        caller = await state.current().authenticator.authenticate(api_key or "", request.headers.getlist)
    except Unauthenticated as error:
        raise HTTPException(401, detail=error.message) from None
    return _key_object(caller)


def _key_object(caller: Caller) -> UserAPIKeyAuth:
    is_admin = caller.proof == "master_key"
    return UserAPIKeyAuth(
        # A name for the key, never the key: LiteLLM copies this into its metadata and logs.
        api_key=f"roster-{caller.key_id}",
        user_id=caller.user,
        user_role=LitellmUserRoles.PROXY_ADMIN if is_admin else LitellmUserRoles.INTERNAL_USER,
        models=list(caller.models),
        metadata={ROSTER_FIELD: caller.to_claims()},
    )
