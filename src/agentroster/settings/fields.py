"""Every setting: its name, its variable, its default and what it is for."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agentroster.operating_system.paths import path_list
from agentroster.settings.llm_presets import KEY_NAMES, NAMES, PRESETS, LlmProvider


def _split_paths(value: object) -> object:
    if not isinstance(value, str):
        return value
    return path_list(value)


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


class Fields(BaseSettings):
    """One field is one environment variable; `docs/settings.md` is made of these."""

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
    lane: Literal["auto", "litellm", "direct"] = Field(
        default="auto",
        alias="ROSTER_LANE",
        description="Which way chat completions with agents take: `direct`, past LiteLLM and five times as fast; "
        "`litellm`, through its callbacks, guardrails, limits and logs; `auto` is direct unless something in the "
        "proxy config or a LiteLLM variable may concern agents. The start says which, and why.",
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
    worker: Literal["own", "off"] = Field(
        default="own",
        alias="ROSTER_WORKER",
        description="`own`: the proxy starts a process that works on jobs, with the first one; `off`: it starts none, "
        "because `roster worker` runs elsewhere on the same data.",
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
    hub_downloads: Names = Field(
        (),
        alias="ROSTER_HUB_DOWNLOADS",
        description="Where a mirror in `HF_ENDPOINT` redirects downloads to, such as `https://files.mirror.lan`, "
        "separated by commas; the public hub's own hosts need not be named.",
    )
    hub_wait_seconds: float = Field(
        default=900.0,
        alias="ROSTER_HUB_WAIT_SECONDS",
        ge=0,
        description="Longest that one request waits when the hub asks to slow down; 0 for not at all.",
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
