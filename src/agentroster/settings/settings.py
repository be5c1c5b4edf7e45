"""All settings, read once at the start: command line, environment, `NAME_FILE`, `secrets.env`, defaults."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from agentroster.errors import StartRefused
from agentroster.settings.llm_presets import KEY_NAMES, NAMES, PRESETS, LlmProvider, provider_of


def _split_paths(value: object) -> object:
    return (
        tuple(Path(part).expanduser() for part in value.split(":") if part.strip()) if isinstance(value, str) else value
    )


def _split_names(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Paths: TypeAlias = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)]
Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)]
Secret: TypeAlias = SecretStr | None


SECRET_FIELDS = (
    "master_key", "encryption_key", "openwebui_key", "openwebui_jwt_secret", "llm_api_key", "hf_token", "database_url",
    "github_client_secret", "google_client_secret", "atlassian_client_secret", "oidc_client_secret",
    *(name.lower() for name in KEY_NAMES),
)  # fmt: skip
"""Fields that may also be given as a file, by `NAME_FILE`, and that never appear in a log."""


class Settings(BaseSettings):
    """The operator's choices; every field is one environment variable (see `docs/settings.md`)."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path("data"),
        alias="ROSTER_DATA_DIR",
        description="Folder for keys, memories, `secrets.env` and the generated LiteLLM config.",
    )
    host: str = Field(default="127.0.0.1", alias="ROSTER_HOST", description="Address to listen on.")
    port: int = Field(
        default=9501, alias="ROSTER_PORT", ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    config: Path | None = Field(
        default=None,
        alias="ROSTER_CONFIG",
        description="LiteLLM config to extend; by default `proxy_config.yaml` where you start, if there is one.",
    )
    agents_file: Path | None = Field(
        default=None,
        alias="ROSTER_AGENTS_FILE",
        description="Agents without code, and backends; by default `agents.toml` where you start, if there is one. "
        "A change counts with the next request.",
    )
    require_secrets: bool = Field(
        default=False,
        alias="ROSTER_REQUIRE_SECRETS",
        description="Refuse to start instead of making secrets on a first start.",
    )
    expose_litellm: Literal["", "all"] = Field(
        default="",
        alias="ROSTER_EXPOSE_LITELLM",
        description="`all` opens every path of LiteLLM; otherwise only the endpoints of an OpenAI client answer.",
    )
    max_request_mb: float = Field(
        default=20.0, alias="ROSTER_MAX_REQUEST_MB", gt=0, description="Largest request body, in megabytes."
    )
    grace_seconds: float = Field(
        default=10.0,
        alias="ROSTER_GRACE_SECONDS",
        ge=0,
        description="How long answers may go on after SIGTERM or Ctrl-C; then each ends with an error its client "
        "understands. What stops the proxy must wait some seconds longer.",
    )
    image_hosts: Names = Field(
        (),
        alias="ROSTER_IMAGE_HOSTS",
        description="Hosts whose images may be shown in answers of agents, separated by commas, besides those of "
        "`ROSTER_PUBLIC_URL` and of the agent itself; other images are shown as links.",
    )
    head_seconds: float = Field(
        default=20.0,
        alias="ROSTER_HEADER_SECONDS",
        gt=0,
        description="How long a connection may take to send the headers of a request.",
    )
    body_seconds: float = Field(
        default=60.0,
        alias="ROSTER_BODY_SECONDS",
        gt=0,
        description="Longest silence while a request body arrives.",
    )
    max_connections: int = Field(
        default=1000, alias="ROSTER_MAX_CONNECTIONS", ge=10, description="Most connections of clients at the same time."
    )
    large_bodies: int = Field(
        default=8,
        alias="ROSTER_LARGE_BODIES",
        ge=1,
        description="Most request bodies over 100 kB of one person that are read at the same time; of one address "
        "eight times as many.",
    )
    requests_per_minute: int = Field(
        default=600,
        alias="ROSTER_REQUESTS_PER_MINUTE",
        ge=0,
        description="Most requests of one person with one key in a minute; 0 for any number.",
    )
    wrong_keys_per_minute: int = Field(
        default=120,
        alias="ROSTER_WRONG_KEYS_PER_MINUTE",
        ge=0,
        description="Most requests with a wrong key from one address in a minute; 0 for any number.",
    )
    cors_origins: Names = Field(
        default=(),
        alias="ROSTER_CORS_ORIGINS",
        description="Origins of web pages whose scripts may call `/v1` and `/roster/api`, with commas between, such as "
        "`https://app.example.com`; `*` is any page. A page needs a key all the same: no cookie is ever read.",
    )
    trusted_proxies: Names = Field(
        (),
        alias="ROSTER_TRUSTED_PROXIES",
        description="Addresses or networks of reverse proxies whose `X-Forwarded-For` says who a client is, separated "
        "by commas; by default nobody's.",
    )
    public_url: str | None = Field(
        default=None,
        alias="ROSTER_PUBLIC_URL",
        description="Address under which browsers reach the proxy, for links; by default host and port.",
    )
    database_url: Secret = Field(
        default=None,
        alias="ROSTER_DATABASE_URL",
        description="`postgresql://...` to keep everything in PostgreSQL; by default SQLite files in the data folder.",
    )
    trusted_urls: Names = Field(
        (),
        alias="ROSTER_TRUSTED_URLS",
        description="Services on a private network or without TLS that accounts may use, such as "
        "`http://seerr.lan:5055`, separated by commas.",
    )
    plugins: Names = Field(
        ("all",),
        alias="ROSTER_PLUGINS",
        description="Plug-ins of other packages (agents, with their skills and kinds of accounts): `all`, `none`, "
        "or names of plug-ins or packages, separated by commas.",
    )

    skills_dir: Path | None = Field(
        default=None,
        alias="ROSTER_SKILLS_DIR",
        description="A folder of skill folders of your own; their code is trusted and runs in the proxy.",
    )
    run_seconds: float = Field(
        default=600.0,
        alias="ROSTER_RUN_SECONDS",
        gt=0,
        description="Deadline of one answer, where the agent sets none.",
    )
    run_model_calls: int = Field(
        default=25,
        alias="ROSTER_RUN_MODEL_CALLS",
        ge=1,
        description="Most model calls of one answer, where the agent sets no number.",
    )

    host_requests: int = Field(
        default=8,
        alias="ROSTER_HOST_REQUESTS",
        ge=1,
        description="Most requests of skills to one host at the same time, in all jobs and chats.",
    )
    model_questions: int = Field(
        default=4,
        alias="ROSTER_MODEL_QUESTIONS",
        ge=1,
        description="Most questions of pipelines to one model server at the same time, in all jobs and chats.",
    )

    queued_jobs: int = Field(
        default=100,
        alias="ROSTER_QUEUED_JOBS",
        ge=1,
        description="Most jobs of one person that may wait; one more is 429.",
    )
    keep_days: float = Field(
        default=90.0,
        alias="ROSTER_KEEP_DAYS",
        ge=0,
        description="Days after which ended jobs, their events and entries of the audit record are deleted; 0 keeps "
        "them for ever.",
    )

    library: Paths = Field(
        default=(),
        alias="ROSTER_LIBRARY",
        description="Folders of model files, separated by colons; nothing outside is read or written.",
    )

    master_key: Secret = Field(
        default=None,
        alias="LITELLM_MASTER_KEY",
        description="The operator's key; at least 16 characters. Made on a first start.",
    )
    encryption_key: Secret = Field(
        default=None,
        alias="ROSTER_ENCRYPTION_KEY",
        description="Ring of Fernet keys, separated by commas; the first encrypts. Made on a first start.",
    )
    openwebui_key: Secret = Field(
        default=None,
        alias="ROSTER_OPENWEBUI_KEY",
        description="Forwarder key of Open WebUI: its holder may name the user.",
    )
    openwebui_jwt_secret: Secret = Field(
        default=None,
        alias="ROSTER_OPENWEBUI_JWT_SECRET",
        description="Secret shared with Open WebUI; once set, only signed users count. At least 32 bytes.",
    )

    llm_provider: LlmProvider | None = Field(
        default=None,
        alias="LLM_PROVIDER",
        description=f"{', '.join(f'`{name}`' for name in NAMES[:-1])} or `{NAMES[-1]}`; when unset, guessed from the "
        "other `LLM_` settings, else from the first key of a provider that is set and has a default model.",
    )
    llm_model: str | None = Field(
        default=None,
        alias="LLM_MODEL",
        description="Name of the model; with `proxy` a name from the proxy's own list. By default "
        + ", ".join(f"`{preset.model}` with `{name}`" for name, preset in PRESETS.items() if preset.model)
        + ".",
    )
    task_model: str | None = Field(
        default=None,
        alias="ROSTER_TASK_MODEL",
        description="Small model for Open WebUI's titles and tags in chats with agents: a name of the endpoint, or "
        "`proxy/NAME`. Unset: the first words are the title, and no model is asked.",
    )
    llm_api_base: str | None = Field(
        default=None, alias="LLM_API_BASE", description="Base URL of an OpenAI-compatible endpoint, with `/v1`."
    )
    llm_api_key: Secret = Field(
        default=None, alias="LLM_API_KEY", description="Key for the endpoint, before the provider's own variable."
    )
    openai_api_key: Secret = Field(
        default=None, alias="OPENAI_API_KEY", description="Key of OpenAI, for agents and for `proxy_config.yaml`."
    )
    gemini_api_key: Secret = Field(
        default=None,
        alias="GEMINI_API_KEY",
        description="Key of Gemini: alone it gives agents a model, and lists Gemini's beside them.",
    )
    google_api_key: Secret = Field(default=None, alias="GOOGLE_API_KEY", description="Another name for that key.")
    anthropic_api_key: Secret = Field(
        default=None, alias="ANTHROPIC_API_KEY", description="Key of Anthropic, as `OPENAI_API_KEY`."
    )
    openrouter_api_key: Secret = Field(
        default=None, alias="OPENROUTER_API_KEY", description="Key of OpenRouter, as `OPENAI_API_KEY`."
    )
    mistral_api_key: Secret = Field(
        default=None, alias="MISTRAL_API_KEY", description="Key of Mistral, as `OPENAI_API_KEY`."
    )
    deepseek_api_key: Secret = Field(
        default=None, alias="DEEPSEEK_API_KEY", description="Key of DeepSeek, as `OPENAI_API_KEY`."
    )
    groq_api_key: Secret = Field(default=None, alias="GROQ_API_KEY", description="Key of Groq, as `OPENAI_API_KEY`.")
    llm_timeout_seconds: float = Field(
        default=120.0, alias="LLM_TIMEOUT_SECONDS", gt=0, description="Longest silence of the language model."
    )

    hf_endpoint: str = Field(
        default="https://huggingface.co", alias="HF_ENDPOINT", description="Address of the HuggingFace Hub or a mirror."
    )
    hf_token: Secret = Field(
        default=None,
        alias="HF_TOKEN",
        description="Token for private and gated model cards; sent to `HF_ENDPOINT` only.",
    )

    github_url: str = Field(
        default="https://github.com",
        alias="ROSTER_GITHUB_URL",
        description="Address of GitHub, or of a GitHub Enterprise server.",
    )
    github_client_id: str | None = Field(
        default=None, alias="ROSTER_GITHUB_CLIENT_ID", description="OAuth app of GitHub: lets people sign in."
    )
    github_client_secret: Secret = Field(
        default=None, alias="ROSTER_GITHUB_CLIENT_SECRET", description="Secret of the OAuth app."
    )
    google_client_id: str | None = Field(
        default=None, alias="ROSTER_GOOGLE_CLIENT_ID", description="OAuth client of Google (Drive, read-only)."
    )
    google_client_secret: Secret = Field(
        default=None, alias="ROSTER_GOOGLE_CLIENT_SECRET", description="Secret of the OAuth client."
    )
    atlassian_client_id: str | None = Field(
        default=None, alias="ROSTER_ATLASSIAN_CLIENT_ID", description="OAuth 2 app of Atlassian (Jira Cloud)."
    )
    atlassian_client_secret: Secret = Field(
        default=None, alias="ROSTER_ATLASSIAN_CLIENT_SECRET", description="Secret of the OAuth app."
    )
    oidc_issuer: str | None = Field(
        default=None,
        alias="ROSTER_OIDC_ISSUER",
        description="Issuer of an OAuth 2 or OpenID Connect server with a discovery document; adds `oidc`.",
    )
    oidc_client_id: str | None = Field(
        default=None, alias="ROSTER_OIDC_CLIENT_ID", description="Client id at that server."
    )
    oidc_client_secret: Secret = Field(
        default=None, alias="ROSTER_OIDC_CLIENT_SECRET", description="Client secret at that server."
    )
    oidc_scopes: str = Field(
        default="openid profile email offline_access",
        alias="ROSTER_OIDC_SCOPES",
        description="Scopes to ask for, separated by blanks.",
    )
    oidc_api_url: str | None = Field(
        default=None,
        alias="ROSTER_OIDC_API_URL",
        description="The only address that gets the access token, besides the server's own; by default the issuer.",
    )

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

    @field_validator("trusted_urls")
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

    @field_validator("hf_endpoint", "llm_api_base", "public_url", "github_url", "oidc_issuer", "oidc_api_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]", value):
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


def load_settings(**options: object) -> Settings:
    """Read all settings; `options` (by field name, None = not given) win over the environment.

    Raises StartRefused with one line that names the variable and what is wrong with it.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    aliases = {name: field.alias or name for name, field in Settings.model_fields.items()}
    try:
        return Settings(**{aliases[name]: value for name, value in given.items()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        reason = first["msg"].removeprefix("Value error, ")
        raise StartRefused(f"{place}: {reason}" if place else reason) from error
