"""Says at the start which language model agents use, and whether its server answers."""

import asyncio
import logging

import httpx

from agentroster.llm.address import address_of, cause_of
from agentroster.settings.settings import Settings

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 3.0


async def tell_model(settings: Settings, transport: httpx.AsyncBaseTransport) -> None:
    """Log the line, after at most three seconds; any HTTP answer counts, also that of a server without this route."""
    if settings.provider == "offline" or settings.model is None:
        keys = " and ".join(settings.provider_keys)
        hint = f": {keys} alone says no model, so set LLM_MODEL" if keys and settings.llm_provider is None else ""
        logger.info("no language model is configured, agents answer commands%s", hint)
        return
    if settings.provider == "proxy":
        logger.info("agents use the language model %s of this proxy's own list", settings.model)
        return
    server = f"{settings.provider} at {address_of(settings.api_base)}"
    trouble = await _trouble(settings.api_base, transport)
    if trouble:
        logger.warning(
            "agents use the language model %s of %s, which does not answer: %s", settings.model, server, trouble
        )
    else:
        logger.info("agents use the language model %s of %s, which answers", settings.model, server)


async def _trouble(base_url: str, transport: httpx.AsyncBaseTransport) -> str:
    """Return why a server does not answer, or an empty text. No key is sent: a refusal is an answer as well."""
    timeout = httpx.Timeout(_TIMEOUT_SECONDS).as_dict()
    request = httpx.Request("GET", f"{base_url}/models", extensions={"timeout": timeout})
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            response = await transport.handle_async_request(request)
            await response.aclose()
    except TimeoutError:
        return f"nothing came within {_TIMEOUT_SECONDS:g} seconds"
    except httpx.HTTPError as error:
        return cause_of(error)
    return ""
