"""The table of LiteLLM settings that would affect agents, and what is done about each.

`forced`: our value wins, or there is none. `agents`: it goes on for direct models and ends at agents. `cut`: what
concerns agents is taken out, and a warning says so. `refused`: the proxy does not start, in one line. `allowed`: the
operator asked for it. A setting that is not in the table does nothing to agents that we know of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

Action: TypeAlias = Literal["forced", "agents", "cut", "refused", "allowed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A setting by section and name, what it would do to agents, and what is done. `value` is what is forced."""

    section: str
    name: str
    effect: str
    action: Action
    value: Any = None


_LITELLM, _ROUTER, _GENERAL = "litellm_settings", "router_settings", "general_settings"

OWN_CALLBACK = "agentroster.provider.hooks.hooks"
_AUTH = "agentroster.provider.auth.user_api_key_auth"

RULES: tuple[Rule, ...] = (
    # answers for others
    Rule(_LITELLM, "cache", "gives one person's answer to another, and an old one to the same", "agents"),
    Rule(_LITELLM, "cache_params", "says for which calls there is a cache", "agents"),
    Rule(_LITELLM, "enable_caching_on_provider_specific_optional_params", "widens the cache", "agents"),
    Rule(_ROUTER, "cache_responses", "switches the cache on", "agents"),
    Rule(_ROUTER, "caching_groups", "shares answers between models", "agents"),
    Rule(_LITELLM, "responses", "keeps answers for polling", "agents"),
    Rule(_ROUTER, "default_litellm_params", "may answer in an agent's place (`mock_response`)", "agents"),
    # repeated
    Rule(_LITELLM, "num_retries", "runs an agent again", "agents"),
    Rule(_ROUTER, "num_retries", "runs an agent again", "agents"),
    Rule(_ROUTER, "retry_policy", "runs an agent again", "agents"),
    Rule(_ROUTER, "model_group_retry_policy", "runs an agent again", "cut"),
    Rule(_ROUTER, "disable_cooldowns", "one person's failure would lock an agent for all", "agents"),
    Rule(_ROUTER, "cooldown_time", "one person's failure would lock an agent for all", "agents"),
    Rule(_ROUTER, "allowed_fails", "one person's failure would lock an agent for all", "agents"),
    Rule(_ROUTER, "allowed_fails_policy", "one person's failure would lock an agent for all", "agents"),
    Rule(_GENERAL, "background_health_checks", "would run agents every few minutes", "agents"),
    # rerouted
    Rule(_LITELLM, "fallbacks", "leads from or to an agent", "cut"),
    Rule(_LITELLM, "context_window_fallbacks", "leads from or to an agent", "cut"),
    Rule(_LITELLM, "content_policy_fallbacks", "leads from or to an agent", "cut"),
    Rule(_LITELLM, "default_fallbacks", "another model answers where an agent failed", "cut"),
    Rule(_ROUTER, "fallbacks", "leads from or to an agent", "cut"),
    Rule(_ROUTER, "context_window_fallbacks", "leads from or to an agent", "cut"),
    Rule(_ROUTER, "content_policy_fallbacks", "leads from or to an agent", "cut"),
    Rule(_ROUTER, "default_fallbacks", "another model answers where an agent failed", "cut"),
    Rule(_ROUTER, "model_group_alias", "gives an agent a second name, or its name to a model", "cut"),
    Rule(_LITELLM, "model_alias_map", "gives an agent a second name, or its name to a model", "cut"),
    Rule(_ROUTER, "routing_groups", "chooses between an agent and other models", "cut"),
    Rule(_GENERAL, "pass_through_endpoints", "takes the place of a path that agents are asked on", "cut"),
    Rule(_LITELLM, "model_fallbacks", "every failure is answered by other models", "refused"),
    Rule(_GENERAL, "completion_model", "one model answers every request", "refused"),
    Rule(_LITELLM, "custom_provider_map", "another handler for agents", "forced"),
    # who asks
    Rule(_GENERAL, "master_key", "the key of the operator is `LITELLM_MASTER_KEY`", "forced"),
    Rule(_GENERAL, "custom_auth", "another answer to who asks", "forced", _AUTH),
    Rule(_GENERAL, "custom_auth_run_common_checks", "a key's list of models would not count", "forced", value=True),
    Rule(_LITELLM, "enable_post_custom_auth_checks", "a key's list of models would not count", "forced", value=True),
    Rule(_GENERAL, "custom_auth_settings", "other keys beside ours (`mode: auto`)", "forced"),
    Rule(_GENERAL, "enable_jwt_auth", "another answer to who asks", "forced"),
    Rule(_GENERAL, "enable_oauth2_auth", "another answer to who asks", "forced"),
    Rule(_GENERAL, "enable_oauth2_proxy_auth", "another answer to who asks", "forced"),
    Rule(_GENERAL, "litellm_key_header_name", "takes the key from another header", "forced"),
    Rule(_GENERAL, "public_routes", "needs no key", "forced"),
    Rule(_GENERAL, "user_header_name", "a header says who asks", "forced"),
    Rule(_GENERAL, "user_header_mappings", "a header says who asks", "forced"),
    Rule(_GENERAL, "enforce_user_param", "asks for a field that agents do not read", "refused"),
    # another database, which brings keys, models and callbacks of its own, and records what was said
    Rule(_GENERAL, "database_url", "LiteLLM's own database adds keys, models and records", "refused"),
    Rule(_GENERAL, "database_type", "LiteLLM's own database adds keys, models and records", "refused"),
    Rule(_GENERAL, "store_model_in_db", "models and callbacks of a database", "refused"),
    Rule(_GENERAL, "store_prompts_in_spend_logs", "records conversations in that database", "forced"),
    # what is heard and logged
    Rule(_LITELLM, "drop_params", "agents would refuse fields", "agents"),
    Rule(_LITELLM, "expose_router_debug_in_errors", "errors name internals", "forced", value=False),
    Rule(_LITELLM, "suppress_debug_info", "errors name internals", "forced", value=True),
    Rule(_LITELLM, "turn_off_message_logging", "messages of agents in logs", "agents"),
    Rule(_LITELLM, "telemetry", "tells others", "forced", value=False),
    Rule(_GENERAL, "cancel_on_disconnect", "an agent would go on for a client that left", "forced", value=True),
    Rule(_LITELLM, "callbacks", "your code sees and may change requests to agents", "allowed"),
    Rule(_LITELLM, "success_callback", "sees that an agent answered; messages are redacted", "allowed"),
    Rule(_LITELLM, "failure_callback", "sees that an agent failed; messages are redacted", "allowed"),
    Rule(_LITELLM, "service_callback", "sees times", "allowed"),
    Rule(_LITELLM, "guardrails", "your checks read and may refuse what is said", "allowed"),
    Rule("environment_variables", "ROSTER_*", "comes too late: set it where roster starts", "refused"),
    Rule("environment_variables", "LITELLM_MASTER_KEY", "wins: set it where roster starts", "refused"),
    Rule("environment_variables", "DATABASE_URL", "LiteLLM's own database", "refused"),
    Rule("model_list", "agno/*", "another deployment of an agent, or a second name for it", "cut"),
    Rule(_ROUTER, "optional_pre_call_checks", "chooses between deployments; an agent has one", "allowed"),
    Rule(_ROUTER, "plugins", "your code sees and may change requests to agents", "allowed"),
    Rule(_GENERAL, "plugins", "your code", "allowed"),
    Rule("", "guardrails", "your checks read and may refuse what is said", "allowed"),
    Rule(_GENERAL, "alerting", "tells of slow and failed requests", "allowed"),
    Rule("", "mcp_servers", "tools for direct models; agents bring their own", "allowed"),
    Rule("", "agent_list", "another door to agents, which refuse whoever comes through it", "allowed"),
)  # fmt: skip


def forced(section: str) -> dict[str, Any]:
    """Return the values that win in a section."""
    return {
        rule.name: rule.value
        for rule in RULES
        if rule.section == section and rule.action == "forced" and rule.value is not None
    }


def names(section: str, action: Action) -> dict[str, str]:
    """Return the settings of a section with which something is done, and what they would do."""
    return {rule.name: rule.effect for rule in RULES if rule.section == section and rule.action == action}


_SERVED = tuple(
    f"{prefix}/{name}"
    for prefix in ("", "/v1")
    for name in ("chat/completions", "completions", "responses", "messages", "embeddings", "models")
)


def agent_entry(model_name: str) -> dict[str, Any]:
    """Return the deployment of an agent: one run, no cooldown, no refused fields, whatever other models have."""
    return {
        "model_name": model_name,
        "litellm_params": {"model": model_name, "num_retries": 0, "drop_params": True},
        "model_info": {
            "mode": "chat",
            # A health check of an agent would be a run of it.
            "disable_background_health_check": True,
            # A deployment's own 0 means never; else a person's 401, 404 or 429 would lock the agent for everybody.
            "cooldown_time": 0,
        },
    }


def takes_a_path(endpoint: object) -> bool:
    """Whether a pass-through endpoint would be served where models are."""
    if not isinstance(endpoint, dict):
        return False
    path = "/" + str(cast("dict[str, object]", endpoint).get("path") or "").strip("/ ")
    return any(served == path or served.startswith(path.rstrip("/") + "/") for served in _SERVED)


# Read before LiteLLM sees its config: from there they would come too late, or win over what the proxy has set.
_OWN_VARIABLES = frozenset(
    {
        "LITELLM_MASTER_KEY", "LITELLM_LOG", "LITELLM_TELEMETRY", "LITELLM_LOCAL_MODEL_COST_MAP",
        "LITELLM_DISABLE_REDACT_SECRETS", "LITELLM_WORKER_STARTUP_HOOKS", "DATABASE_URL", "CONFIG_FILE_PATH",
        "WORKER_CONFIG", "DISABLE_ADMIN_UI", "NO_DOCS", "NO_REDOC", "NO_OPENAPI",
    }
)  # fmt: skip
_OWN_PREFIXES = ("ROSTER_", "LLM_", "AGNO_")


def is_own_variable(name: str) -> bool:
    """Whether `environment_variables` of the config must not set this."""
    return name in _OWN_VARIABLES or name.startswith(_OWN_PREFIXES)


_SAID: Mapping[Action, str] = {
    "forced": "ours counts",
    "agents": "for direct models only",
    "cut": "what concerns agents is left out, with a warning",
    "refused": "does not start",
    "allowed": "as you say",
}


def table() -> str:
    """Return the rules as a table for the documentation."""
    rows = ["| Setting | What it would do to agents | What is done |", "| --- | --- | --- |"]
    for rule in RULES:
        name = f"{rule.section}.{rule.name}" if rule.section else rule.name
        rows.append(f"| `{name}` | {rule.effect} | {_SAID[rule.action]} |")
    return "\n".join(rows) + "\n"
