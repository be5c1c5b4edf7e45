"""The config LiteLLM gets: the operator's `proxy_config.yaml` plus the agents and the settings they need."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from agentroster.agents.spec import AgentSpec
from agentroster.errors import StartRefused

_WILDCARD = "agno/*"
_RETRY_KINDS = (
    "Default",
    "BadRequestError",
    "AuthenticationError",
    "TimeoutError",
    "RateLimitError",
    "ContentPolicyViolationError",
    "InternalServerError",
    "ServiceUnavailableError",
    "NotFoundError",
)

# Where the operator's file says otherwise, these win: agents have side effects and must run once.
_LITELLM_SETTINGS: Mapping[str, object] = {
    "drop_params": True,
    "enable_post_custom_auth_checks": True,
    "expose_router_debug_in_errors": False,
    "suppress_debug_info": True,
    "turn_off_message_logging": True,
    "telemetry": False,
}
_ROUTER_SETTINGS: Mapping[str, object] = {
    "num_retries": 0,
    "retry_policy": {f"{kind}Retries": 0 for kind in _RETRY_KINDS},
    "disable_cooldowns": True,
}
_GENERAL_SETTINGS: Mapping[str, object] = {
    "master_key": "os.environ/LITELLM_MASTER_KEY",
    "custom_auth": "agentroster.provider.auth.user_api_key_auth",
    "custom_auth_run_common_checks": True,
    "cancel_on_disconnect": True,
    "disable_streaming_logging": True,
}
_KEEPALIVE_SECONDS = 15
_HOOKS = "agentroster.provider.hooks.hooks"


def build_config(user: Mapping[str, Any], agents: Iterable[AgentSpec]) -> dict[str, Any]:
    """Return the operator's config with agents and needed settings merged in; the input is not changed."""
    models = [entry for entry in _list(user, "model_list") if not str(entry.get("model_name", "")).startswith("agno/")]
    litellm_settings = {"sse_keepalive_ping_interval_seconds": _KEEPALIVE_SECONDS, **_mapping(user, "litellm_settings")}
    providers = [entry for entry in _list(litellm_settings, "custom_provider_map") if entry.get("provider") != "agno"]
    others = [name for name in _texts(litellm_settings, "callbacks") if name != _HOOKS]
    router_settings = _mapping(user, "router_settings")
    return {
        **user,
        "model_list": [*models, *(_entry(spec.model_name) for spec in agents), _entry(_WILDCARD)],
        "litellm_settings": {
            **_without_agent_fallbacks(litellm_settings),
            **_LITELLM_SETTINGS,
            "custom_provider_map": [*providers, {"provider": "agno", "custom_handler": "agentroster.provider.agno"}],
            "callbacks": [*others, _HOOKS],
        },
        "router_settings": {**_without_agent_fallbacks(router_settings), **_ROUTER_SETTINGS},
        "general_settings": {**_mapping(user, "general_settings"), **_GENERAL_SETTINGS},
    }


def read_config(path: Path | None) -> dict[str, Any]:
    """Read the operator's file; None is an empty one. Raises StartRefused with file and reason."""
    if path is None:
        return {}
    try:
        value: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path} cannot be read: check the path given with --config") from error
    except yaml.YAMLError as error:
        raise StartRefused(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StartRefused(f"{path} is not a mapping of settings")
    config = cast("dict[str, Any]", value)
    if "include" in config:
        # LiteLLM looks for included files beside the file it is given, which is the generated one.
        config["include"] = [str((path.parent / str(entry)).resolve()) for entry in _texts(config, "include")]
    return config


def write_config(config: Mapping[str, Any], path: Path) -> None:
    """Write the generated config (0600: an operator's file may hold keys). Raises StartRefused."""
    text = "# Made by `roster serve` at each start: edit proxy_config.yaml instead.\n" + yaml.safe_dump(
        dict(config), sort_keys=False
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StartRefused(f"{path} cannot be written: {error.strerror}; choose another --data-dir") from error


def _entry(model_name: str) -> dict[str, Any]:
    return {"model_name": model_name, "litellm_params": {"model": model_name}, "model_info": {"mode": "chat"}}


def _without_agent_fallbacks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which no fallback leads from or to an agent: that would be a second run."""

    def plain(entry: object) -> bool:
        return "agno/" not in str(entry)

    return {
        name: [entry for entry in _texts(settings, name) if plain(entry)] if name.endswith("fallbacks") else value
        for name, value in settings.items()
    }


def _mapping(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    value: object = config.get(name) or {}
    if not isinstance(value, dict):
        raise StartRefused(f"{name} of the proxy config is not a mapping")
    return cast("dict[str, Any]", value)


def _list(config: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value: object = config.get(name) or []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in cast("list[object]", value)):
        raise StartRefused(f"{name} of the proxy config is not a list of mappings")
    return cast("list[dict[str, Any]]", value)


def _texts(config: Mapping[str, Any], name: str) -> list[object]:
    value: object = config.get(name) or []
    return cast("list[object]", value) if isinstance(value, list) else [value]
