"""Request fields that steer LiteLLM: for an agent they do nothing, so they are taken out."""

from typing import Any

from agentroster.provider.request import REASONING_FIELD

_CONTROL_FIELDS = frozenset(
    {
        "fallbacks", "context_window_fallbacks", "context_window_fallback_dict", "content_policy_fallbacks",
        "model_group_retry_policy", "retry_policy", "router_settings_override", "num_retries", "max_retries",
        "timeout", "stream_timeout", "request_timeout", "api_key", "api_base", "base_url", "api_version", "guardrails",
        "extra_body", "extra_headers", "cache", "caching", "ttl", "mock_response", "mock_tool_calls", "mock_timeout",
        "mock_delay",
        "mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_content_policy_fallbacks",
        "mock_testing_rate_limit_error", "user_config", "model_list",
        "allowed_openai_params", "drop_params", "additional_drop_params", "custom_llm_provider", "specific_deployment",
        "prompt_id", "prompt_variables", "tools", "tool_choice", "functions", "function_call", "parallel_tool_calls",
        "vector_store_ids", "mcp_servers", "disable_global_guardrails", "priority", "enable_json_schema_validation",
    }
)  # fmt: skip


def is_agent(model: object) -> bool:
    """Whether a model name means one of our agents."""
    return isinstance(model, str) and model.startswith("agno/")


def strip_control_fields(body: dict[str, Any]) -> bool:
    """Take everything out of a request to an agent that would steer LiteLLM instead; return if there was any."""
    found = _CONTROL_FIELDS & body.keys()
    for name in found:
        del body[name]
    effort = body.pop("reasoning_effort", None)
    if effort is None and isinstance(body.get("reasoning"), dict):
        effort = body["reasoning"].get("effort")
    if isinstance(effort, str):
        body[REASONING_FIELD] = effort
        return True
    return bool(found)
