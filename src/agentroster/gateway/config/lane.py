"""Chooses the lane of chat completions with agents: our own, or LiteLLM's where its settings would see them.

Our own lane does not pass through LiteLLM. So it is taken only where every key of the operator's config, and every
LiteLLM variable, is known not to see, limit, record or reroute requests to agents; what is unknown may do so.
Source: LiteLLM 1.106, `proxy/_types.py` (ConfigGeneralSettings), `router.py` (Router), `proxy/proxy_server.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agentroster.gateway.config.config_rules import OWN_CALLBACK, RULES
from agentroster.json_values import as_object, is_list

Wish: TypeAlias = Literal["auto", "litellm", "direct"]

_SECTIONS = ("litellm_settings", "router_settings", "general_settings")
_HARMLESS: Mapping[str, frozenset[str]] = {
    # What direct models are, and where their keys come from; `mcp_servers` and `agent_list` are doors of LiteLLM's own.
    "": frozenset(
        {
            "model_list", "environment_variables", "credential_list", "mcp_servers", "agent_list", "files_settings",
            "finetune_settings", "assistant_settings", "vector_store_registry", "search_tools", *_SECTIONS,
        }
    ),
    # How direct models are called. Time limits too: LiteLLM hands them to a provider, and agents have their own.
    "litellm_settings": frozenset(
        {
            "set_verbose", "json_logs", "modify_params", "ssl_verify", "ssl_certificate", "force_ipv4",
            "request_timeout", "redact_user_api_key_info", "disable_hf_tokenizer_download", "aiohttp_trust_env",
            "sse_keepalive_ping_interval_seconds", "key_generation_settings",
        }
    ),
    # How one of several deployments is chosen; an agent has one.
    "router_settings": frozenset(
        {
            "routing_strategy", "routing_strategy_args", "enable_pre_call_checks", "set_verbose", "debug_level",
            "retry_after", "timeout", "stream_timeout", "client_ttl", "polling_interval", "max_fallbacks",
            "ignore_invalid_deployments", "optional_pre_call_checks",
        }
    ),
    "general_settings": frozenset(
        {
            "infer_model_from_keys", "health_check_interval", "health_check_details", "health_check_concurrency",
            "disable_spend_logs", "ui_access_mode", "key_management_system", "key_management_settings",
            "use_google_kms", "use_azure_key_vault",
        }
    ),
}  # fmt: skip
_VARIABLES = frozenset(
    {
        "LITELLM_MASTER_KEY", "LITELLM_MASTER_KEY_FILE", "LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_TELEMETRY",
        "LITELLM_LOG", "LITELLM_SALT_KEY", "LITELLM_LICENSE", "LITELLM_MODE", "LITELLM_USER_AGENT",
        "LITELLM_NON_ROOT", "LITELLM_UI_PATH", "LITELLM_ASSETS_PATH", "LITELLM_DONT_SHOW_FEEDBACK_BOX",
        "LITELLM_HIDE_DEFAULT_CREDENTIALS_HINT", "LITELLM_MODIFY_PARAMS", "LITELLM_HTTP2",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "LITELLM_LOCAL_BLOG_POSTS", "LITELLM_LOCAL_POLICY_TEMPLATES",
        "LITELLM_LOCAL_AUTOROUTER_PRESETS", "LITELLM_PROXY_API_BASE", "LITELLM_PROXY_API_KEY",
    }
)  # fmt: skip
# Those that do something by themselves without LiteLLM's name in theirs.
_ALSO_LITELLMS = frozenset({"USE_DDTRACE", "REPEATED_STREAMING_CHUNK_LIMIT", "SPEND_LOGS_URL"})


@dataclass(frozen=True, slots=True)
class Lane:
    """Which lane, and the key that decided; `key` is empty where none did."""

    is_direct: bool
    key: str
    wish: Wish

    @property
    def line(self) -> str:
        """What the start says of it."""
        if self.is_direct and self.key:
            return (
                "WARNING: chat completions with agents take our own lane, as ROSTER_LANE=direct says: "
                f"{self.key} does not count for them"
            )
        if self.is_direct:
            return "chat completions with agents take our own lane"
        reason = "ROSTER_LANE" if self.wish == "litellm" else self.key
        return f"chat completions with agents go through LiteLLM, because of {reason}"


def choose_lane(wish: Wish, config: Mapping[str, object], environment: Mapping[str, str]) -> Lane:
    """Return the lane for an operator's config, with what it includes and without our own entries."""
    key = next(_deciding(config, environment), "")
    return Lane(wish == "direct" or (wish == "auto" and not key), key, wish)


def _deciding(config: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[str]:
    """Yield each key that may concern agents."""
    for name, value in config.items():
        if name in _SECTIONS:
            settings = as_object(value)
            yield from (f"{name}.{key}" for key in settings if _may_concern(name, key, settings[key]))
        elif name == "environment_variables":
            yield from (f"{name}.{key}" for key in as_object(value) if _is_deciding_variable(key))
        elif _may_concern("", name, value):
            yield name
    yield from (f"the variable {name}" for name in sorted(environment) if _is_deciding_variable(name))


def _may_concern(section: str, name: str, value: object) -> bool:
    # Of what `config_rules` deals with, nothing reaches agents but what it allows.
    if name == "callbacks" and is_list(value):
        # The shipped config names ours, for plain `litellm`; without it they are put in, and concern LiteLLM's lane.
        value = [one for one in value if one != OWN_CALLBACK]
    dealt_with = {rule.name for rule in RULES if rule.section == section and rule.action != "allowed"}
    return value not in (None, "", [], {}) and name not in _HARMLESS[section] | dealt_with


def _is_deciding_variable(name: str) -> bool:
    return name in _ALSO_LITELLMS or (name.startswith("LITELLM_") and name not in _VARIABLES)
