"""LiteLLM's callbacks. Under plain `litellm` there is no outer app: what steers LiteLLM is taken out here."""

from typing import Any, cast

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

from agentroster.provider import state
from agentroster.provider.body import is_agent
from agentroster.provider.chat_secrets import ChatSecrets
from agentroster.provider.exchange import Exchange, current
from agentroster.provider.request import REASONING_FIELD

# LiteLLM's own bookkeeping sits in the same dict, so this is a list of what is known to do harm.
_CONTROL_FIELDS = frozenset(
    {
        "fallbacks", "context_window_fallbacks", "context_window_fallback_dict", "content_policy_fallbacks",
        "model_group_retry_policy", "retry_policy", "router_settings_override", "num_retries", "max_retries",
        "timeout", "stream_timeout", "request_timeout", "api_key", "api_base", "base_url", "guardrails", "extra_body",
        "extra_headers", "cache", "mock_response", "mock_tool_calls", "mock_timeout", "mock_delay", "user_config",
        "model_list", "specific_deployment", "tools", "tool_choice", "functions", "function_call", "mcp_servers",
    }
)  # fmt: skip


_TEXTS = ("messages", "prompt", "input")


class RosterHooks(CustomLogger):
    """Called by LiteLLM before each request is routed."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """Clean requests to agents, and refuse a list of models, which LiteLLM would run one by one."""
        model = data.get("model")
        if isinstance(model, str) and "agno/" in model and "," in model:
            raise HTTPException(400, detail="One request is for one agent: `model` must not be a list.")
        if is_agent(model) and current.get() is None:
            # The front door does this where there is one.
            secrets = ChatSecrets(state.current().connector.source.providers.names())
            clean, pasted = secrets.cut({name: data[name] for name in _TEXTS if name in data})
            data.update(clean)
            exchange = Exchange()
            exchange.pasted = pasted
            exchange.read_headers(_headers(data).get)
            current.set(exchange)
        if is_agent(model):
            for name in _CONTROL_FIELDS & data.keys():
                del data[name]
            effort = data.pop("reasoning_effort", None)
            if isinstance(effort, str):
                data[REASONING_FIELD] = effort
        return data


def _headers(data: dict[str, Any]) -> dict[str, str]:
    request = cast("dict[str, Any]", data.get("proxy_server_request") or {})
    return cast("dict[str, str]", request.get("headers") or {})


hooks = RosterHooks()
