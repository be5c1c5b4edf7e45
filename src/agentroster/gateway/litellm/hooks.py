"""LiteLLM's callbacks: for plain `litellm`, they remove what would steer LiteLLM from a request to an agent."""

from typing import Any, cast

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

from agentroster.errors import BadInput
from agentroster.gateway.litellm import state
from agentroster.gateway.request_context import RequestContext, current
from agentroster.gateway.requests.agent_detours import refuse_detours
from agentroster.gateway.requests.body import is_agent
from agentroster.gateway.requests.chat_request import ASKED, ASKED_FIELD, REASONING_FIELD
from agentroster.gateway.requests.chat_secrets import ChatSecrets
from agentroster.json_values import as_object, is_object
from agentroster.messages import say

# LiteLLM's own bookkeeping sits in the same dict, so this is a list of what is known to do harm.
_CONTROL_FIELDS = frozenset(
    {
        "fallbacks", "context_window_fallbacks", "context_window_fallback_dict", "content_policy_fallbacks",
        "model_group_retry_policy", "retry_policy", "router_settings_override", "num_retries", "max_retries",
        "timeout", "stream_timeout", "request_timeout", "api_key", "api_base", "base_url", "guardrails", "extra_body",
        "extra_headers", "cache", "mock_response", "mock_tool_calls", "mock_timeout", "mock_delay", "user_config",
        "model_list", "specific_deployment", "tools", "tool_choice", "functions", "function_call", "mcp_servers",
        "background", "caching", "cache_key", "default_fallbacks", "model_group_alias", "custom_llm_provider",
        "previous_response_id", "n", "models",
    }
)  # fmt: skip
_NO_CACHE = {"no-cache": True, "no-store": True}
_SCRIPTED = frozenset({"mock_response", "mock_tool_calls", "mock_timeout", "mock_delay"})
_PRIVATE = "turn_off_message_logging"
_TEXTS = ("messages", "prompt", "input")


class RosterHooks(CustomLogger):
    """Called by LiteLLM before each request is routed."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """Clean requests to agents, and refuse a list of models, which LiteLLM would run one by one.

        Raises HTTPException 400.
        """
        model = data.get("model")
        if isinstance(model, str) and "agno/" in model and "," in model:
            raise HTTPException(400, detail=say("gateway.model_list"))
        context = current.get()
        if context is not None and context.model is not None and is_agent(model) != is_agent(context.model):
            raise HTTPException(400, detail=say("gateway.two_models"))
        if not is_agent(model):
            try:
                refuse_detours(data)
            except BadInput as error:
                raise HTTPException(400, detail=error.message) from None
            return data
        if context is None or not context.is_run:
            self._admit(context or RequestContext(), data)
        for name in ("metadata", "litellm_metadata"):
            if isinstance(data.get(name), dict):
                data[name][ASKED_FIELD] = ASKED
        for name in _CONTROL_FIELDS & data.keys():
            del data[name]
        effort = data.pop("reasoning_effort", None)
        if isinstance(effort, str):
            data[REASONING_FIELD] = effort
        # A second model, asked after a failure, would answer with what was meant for the agent.
        data["disable_fallbacks"] = True
        # Said by the request itself, it wins over every policy of the router's: one run, and no wait before the answer.
        data["num_retries"] = 0
        data["drop_params"] = True
        data["cache"] = dict(_NO_CACHE)
        _keep_messages_from_logs(data)
        return data

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> dict[str, Any]:
        """Keep caches and scripted answers away from agents in each call that LiteLLM makes of one request."""
        if is_agent(kwargs.get("model")) or kwargs.get("custom_llm_provider") == "agno":
            for name in _SCRIPTED & kwargs.keys():
                del kwargs[name]
            kwargs["cache"] = dict(_NO_CACHE)
            kwargs["caching"] = False
            _keep_body_from_logs(kwargs)
        return kwargs

    def _admit(self, context: RequestContext, data: dict[str, Any]) -> None:
        """Cut secrets out and read headers, as the request filter does where it reads the body."""
        secrets = ChatSecrets(state.current().connector.source.providers.names())
        clean, context.pasted = secrets.cut({name: data[name] for name in _TEXTS if name in data})
        data.update(clean)
        context.read_headers(as_object(as_object(data.get("proxy_server_request")).get("headers")).get)
        context.is_run = True
        current.set(context)


def _keep_messages_from_logs(data: dict[str, Any]) -> None:
    """Let callbacks learn that an agent answered, but not what was said, whatever direct models are set to."""
    data[_PRIVATE] = True
    logging_object: Any = data.get("litellm_logging_obj")
    params: Any = getattr(logging_object, "standard_callback_dynamic_params", None)
    if isinstance(params, dict):
        params[_PRIVATE] = True
        logging_object.model_call_details["standard_callback_dynamic_params"] = params
    for name in ("metadata", "litellm_metadata"):
        headers = as_object(data.get(name)).get("headers")
        if is_object(headers):
            cast("dict[str, object]", headers).pop("litellm-disable-message-redaction", None)


def _keep_body_from_logs(kwargs: dict[str, Any]) -> None:
    """Leave the request's body out of what LiteLLM notes of it, which its own redaction forgets."""
    request = kwargs.get("proxy_server_request")
    if is_object(request):
        whole = as_object(request.get("body"))
        body = {name: whole[name] for name in ("model", "stream") if name in whole}
        kwargs["proxy_server_request"] = {**request, "body": body}


hooks = RosterHooks()
