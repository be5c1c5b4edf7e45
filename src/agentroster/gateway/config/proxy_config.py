"""Makes LiteLLM's config: the operator's `proxy_config.yaml` plus the agents and the settings they need."""

import logging
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from agentroster.agents.spec import AgentSpec
from agentroster.errors import StartRefused
from agentroster.gateway.config import config_rules
from agentroster.settings.llm_presets import direct_models

logger = logging.getLogger(__name__)

_WILDCARD = "agno/*"
_PING = "sse_keepalive_ping_interval_seconds"
_PING_SECONDS = 15
_PROVIDER = {"provider": "agno", "custom_handler": "agentroster.provider.agno"}
_MASTER_KEY = "os.environ/LITELLM_MASTER_KEY"
_MAX_INCLUDES = 100


def build_config(
    user: Mapping[str, Any], agents: Iterable[AgentSpec], keys: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the operator's config with agents and needed settings merged in; the input is not changed.

    `keys` are the providers' keys that are set, by variable: direct models come with some of them.

    What would share, repeat or reroute what agents answer is dealt with as `config_rules` says, with a warning where
    something is left out. Raises StartRefused.
    """
    litellm_settings = _mapping(user, "litellm_settings")
    providers = [entry for entry in _list(litellm_settings, "custom_provider_map") if entry.get("provider") != "agno"]
    others = [name for name in _texts(litellm_settings, "callbacks") if name != config_rules.OWN_CALLBACK]
    _refuse_variables(_mapping(user, "environment_variables"))
    models = [entry for entry in _list(user, "model_list") if _is_plain_model(entry)]
    models += direct_models(keys or {}, models)
    return {
        **user,
        "model_list": [*models, *map(config_rules.agent_entry, [*(spec.model_name for spec in agents), _WILDCARD])],
        "litellm_settings": {
            _PING: _PING_SECONDS,
            "drop_params": True,
            **_safe(user, "litellm_settings"),
            "custom_provider_map": [*providers, _PROVIDER],
            "callbacks": [*others, config_rules.OWN_CALLBACK],
        },
        "router_settings": _safe(user, "router_settings"),
        "general_settings": {**_safe(user, "general_settings"), "master_key": _MASTER_KEY},
    }


def direct_model_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the models of a built config that are no agents; some are patterns."""
    names = [str(entry.get("model_name", "")) for entry in config["model_list"]]
    return [name for name in dict.fromkeys(names) if name and not name.startswith("agno/")]


def ping_seconds(config: Mapping[str, Any]) -> float:
    """Return after how many silent seconds a stream of a built config gets a comment."""
    seconds: object = config["litellm_settings"].get(_PING)
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else math.inf


def read_config(path: Path | None) -> dict[str, Any]:
    """Read the operator's file with all that it includes; None is an empty one.

    Included files are merged as LiteLLM does it (`include`: lists grow, everything else is replaced, a file counts
    once): left to LiteLLM, an included section would replace the one that agents need. Raises StartRefused with file
    and reason.
    """
    if path is None:
        return {}
    config = _read_mapping(path)
    pending = [(entry, path) for entry in _includes(config, path)]
    seen = {path.resolve()}
    while pending:
        entry, declared_in = pending.pop(0)
        included_path = _included(entry, declared_in, path)
        if included_path.resolve() in seen:
            continue
        seen.add(included_path.resolve())
        if len(seen) > _MAX_INCLUDES:
            raise StartRefused(f"{path} includes more than {_MAX_INCLUDES} files")
        included = _read_mapping(included_path)
        pending += [(inner, included_path) for inner in _includes(included, included_path)]
        for name, value in included.items():
            both = isinstance(value, list) and isinstance(config.get(name), list)
            config[name] = [*config[name], *cast("list[object]", value)] if both else value
    config.pop("include", None)
    return config


def _includes(config: Mapping[str, Any], path: Path) -> list[str]:
    entries = cast("object", config.get("include", []))
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in cast("list[object]", entries)):
        raise StartRefused(f"`include` of {path} is not a list of files")
    return cast("list[str]", entries)


def _included(entry: str, declared_in: Path, root: Path) -> Path:
    """Return the file beside the one that includes it, else beside the first one."""
    beside = declared_in.parent / entry
    return beside if beside.exists() or not (root.parent / entry).exists() else root.parent / entry


def _read_mapping(path: Path) -> dict[str, Any]:
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
    return cast("dict[str, Any]", value)


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


def _is_plain_model(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a direct model. The agents' own are made anew; a second name for one is left out."""
    name, params = str(entry.get("model_name", "")), entry.get("litellm_params")
    if name.startswith("agno/"):
        return False
    if not _names_agent(params):
        return True
    logger.warning("model_list of the proxy config: %s leads to an agent and is left out", name[:100])
    return False


def _safe(user: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return a section in which nothing is left that agents must not meet. Raises StartRefused."""
    given = _mapping(user, section)
    for name, effect in config_rules.names(section, "refused").items():
        if given.get(name):
            raise StartRefused(f"{section}.{name} of the proxy config must go, or agents cannot be served: {effect}")
    ours = config_rules.names(section, "forced")
    cut = config_rules.names(section, "cut")
    kept = {name: _without_agents(section, name, value) if name in cut else value for name, value in given.items()}
    return {name: value for name, value in kept.items() if name not in ours} | config_rules.forced(section)


def _without_agents(section: str, name: str, value: object) -> object:
    """Return a list or mapping without the entries that lead from or to an agent, and say that they are left out."""
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        kept: object = {key: inner for key, inner in entries.items() if not _names_agent({key: inner})}
    elif isinstance(value, list):
        concerns = config_rules.takes_a_path if name == "pass_through_endpoints" else _names_agent
        kept = [entry for entry in cast("list[object]", value) if not concerns(entry)]
    else:
        kept = None if _names_agent(value) else value
    if kept != value:
        effect = config_rules.names(section, "cut")[name]
        logger.warning("%s.%s of the proxy config: what concerns agents is left out: it %s", section, name, effect)
    return kept


def _names_agent(value: object) -> bool:
    if isinstance(value, dict):
        return any(_names_agent(part) for pair in cast("dict[object, object]", value).items() for part in pair)
    if isinstance(value, list):
        return any(map(_names_agent, cast("list[object]", value)))
    text = str(value).strip().casefold()
    return text == "agno" or "agno/" in text


def _refuse_variables(variables: Mapping[str, Any]) -> None:
    for name in variables:
        if config_rules.is_own_variable(str(name)):
            raise StartRefused(
                f"environment_variables of the proxy config must not set {name}: set it where roster starts"
            )


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
