"""All settings, read once at the start: command line, environment, `NAME_FILE`, `secrets.env`, defaults."""

import os
import re
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from agentroster.errors import StartRefused
from agentroster.settings.fields import SECRET_FIELDS, Fields, Secret
from agentroster.settings.llm_presets import KEY_NAMES, PRESETS, LlmProvider, provider_of


class Settings(Fields):
    """The operator's choices; every field is one environment variable (see `docs/settings.md`)."""

    @classmethod
    def settings_customise_sources(  # noqa: D102 - described by pydantic
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # Compose's ${NAME:-} sets what nobody chose to an empty text.
        return {name: value for name, value in given.items() if not isinstance(value, str) or value.strip()}

    @field_validator("data_dir", "config", "skills_dir", "agents_file")
    @classmethod
    def _is_path(cls, value: Path | None) -> Path | None:
        # From a file or a unit no shell has read it.
        try:
            return None if value is None else value.expanduser()
        except RuntimeError as error:
            raise ValueError("names a home directory that cannot be found: write the whole path") from error

    @field_validator("trusted_urls", "hub_downloads")
    @classmethod
    def _are_web_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not re.fullmatch(r"https?://[^/\s@]+/?", address):
                raise ValueError(f"{address!r} is no address like http://seerr.lan:5055, without a path")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s@*,]+", origin):
                raise ValueError(f"{origin!r} is no origin like https://app.example.com, without a path, and not `*`")
        return value

    @field_validator(
        "hf_endpoint", "llm_api_base", "public_url", "github_url", "oidc_issuer", "oidc_api_url", "model_site"
    )
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value and not re.match(r"https?://[^/\s]", value):
            raise ValueError("must be an address that starts with https:// or http://")
        return value

    @model_validator(mode="after")
    def _model_is_complete(self) -> Self:
        preset = PRESETS[self.provider]
        if self.provider != "offline" and not self.model:
            raise ValueError(f"LLM_PROVIDER={self.provider} needs LLM_MODEL, the name of the model to use")
        for name, model in (("LLM_MODEL", self.llm_model), ("ROSTER_TASK_MODEL", self.task_model)):
            if model and "agno/" in model:
                raise ValueError(f"{name} names an agent: an agent cannot be the language model of agents")
        if preset.keys and self.model_key is None and self.llm_api_base is None:
            raise ValueError(f"LLM_PROVIDER={self.provider} needs {preset.keys[0]} or LLM_API_KEY")
        if self.provider == "custom" and not self.llm_api_base:
            raise ValueError("LLM_PROVIDER=custom needs LLM_API_BASE, for example http://127.0.0.1:8080/v1")
        return self

    @property
    def provider_keys(self) -> dict[str, str]:
        """The keys of providers that are set, by the names of their variables, in the clear."""
        values: dict[str, Secret] = {name: getattr(self, name.lower()) for name in KEY_NAMES}
        return {name: value.get_secret_value() for name, value in values.items() if value is not None}

    @property
    def provider(self) -> LlmProvider:
        """The kind of language model: as set, or guessed from what else is set."""
        if self.llm_provider is not None:
            return self.llm_provider
        if self.llm_api_base:
            return "custom" if self.llm_model else "offline"
        if self.llm_model and self.llm_api_key:
            return "openai"
        found = provider_of(self.provider_keys, model=self.llm_model)
        return found or ("openai" if self.llm_model else "offline")

    @property
    def model(self) -> str | None:
        """The name of the language model: as set, or the provider's default."""
        return self.llm_model or PRESETS[self.provider].model

    @property
    def model_key(self) -> str | None:
        """The key for the language model, in the clear; a provider's own never goes to another provider."""
        if self.llm_api_key is not None:
            return self.llm_api_key.get_secret_value()
        keys = self.provider_keys
        return next((keys[name] for name in PRESETS[self.provider].keys if name in keys), None)

    @property
    def api_base(self) -> str:
        """The base URL of the language model, without a trailing slash; empty for `proxy` and `offline`."""
        return (self.llm_api_base or PRESETS[self.provider].base).rstrip("/")

    @property
    def agents_path(self) -> Path:
        """Where the agents file is, or would be."""
        return self.agents_file or Path("agents.toml")

    @property
    def database(self) -> Path | str:
        """Where keys and memories live: a file, or the address of a PostgreSQL database."""
        return self.database_url.get_secret_value() if self.database_url else self.data_dir / "roster.db"

    @property
    def credentials_database(self) -> Path | str:
        """Where encrypted credentials live: a file of their own, or tables of their own."""
        return self.database_url.get_secret_value() if self.database_url else self.data_dir / "credentials.db"

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value in the clear, for the log redaction only."""
        values: list[SecretStr | None] = [getattr(self, name) for name in SECRET_FIELDS]
        # The encryption key is a ring: each of its keys is a secret of its own.
        keys = [key for value in values if value is not None for key in value.get_secret_value().split(",")]
        return tuple(key.strip() for key in keys if key.strip())

    def required(self, name: str) -> str:
        """Return a secret in the clear. Raises StartRefused when it is not set."""
        value: SecretStr | None = getattr(self, name)
        if value is None:
            raise StartRefused(f"{type(self).model_fields[name].alias} is missing: set it, or NAME_FILE")
        return value.get_secret_value()


class SecretFiles(PydanticBaseSettingsSource):
    """Reads a secret from the file that `NAME_FILE` names, unless `NAME` itself is set."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value, its name for pydantic, and whether it is to be parsed."""
        name = field.alias or field_name
        path = os.environ.get(f"{name}_FILE", "") if field_name in SECRET_FIELDS else ""
        if not path:
            return None, name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), name, False
        except (OSError, UnicodeDecodeError) as error:
            raise StartRefused(f"{name}_FILE names a file that cannot be read: {path}") from error

    def __call__(self) -> dict[str, Any]:  # noqa: D102 - described by the class
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {name: value for value, name, _ in found if value is not None}


def load_settings(**options: Any) -> Settings:
    """Read all settings; `options` (by field name, None = not given) win over the environment.

    Raises StartRefused with one line that names the variable and what is wrong with it.
    """
    aliases = {name: field.alias or name for name, field in Settings.model_fields.items()}
    try:
        return Settings(**{aliases[name]: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"][:1]))
        reason = first["msg"].removeprefix("Value error, ")
        raise StartRefused(f"{name}: {reason}" if name else reason) from error
