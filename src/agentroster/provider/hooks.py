"""LiteLLM's callbacks: request fields are cleaned here too, for when the outer app is not in front."""

from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from agentroster.provider.body import is_agent, strip_control_fields


class RosterHooks(CustomLogger):
    """Called by LiteLLM before each request is routed."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """Take control fields out of requests to agents, whichever endpoint they came through."""
        if is_agent(data.get("model")):
            # LiteLLM's own bookkeeping sits in this dict as well: metadata, proxy_server_request, logging.
            strip_control_fields(data)
        return data


hooks = RosterHooks()
