"""The table of providers that come with agentroster. Sources: the API references of each."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import SecretStr

from agentroster.accounts.api import Answer, Api
from agentroster.accounts.provider import Check, FormField, OAuth, Profile, Provider, bearer
from agentroster.credentials.credential import Secret
from agentroster.errors import AccountCheckFailed, Unreachable
from agentroster.messages import say
from agentroster.settings.settings import Settings

_TOKEN = FormField(name="token", label="token", secret=True)


def _address(example: str) -> FormField:
    return FormField(name="url", label="address", example=example)


def built_in(settings: Settings) -> list[Provider]:
    """Return the providers of this deployment; those with OAuth only where an operator registered a client."""
    found = [_github(settings), _jira(), _seerr(), _forgejo(), _bearer(), _llm()]
    found += [_google(settings)] if settings.google_client_id else []
    found += [_atlassian(settings)] if settings.atlassian_client_id else []
    found += [_oidc(settings)] if settings.oidc_issuer and settings.oidc_client_id else []
    return found


def _fixed(*bases: str) -> Callable[[Secret], tuple[str, ...]]:
    return lambda _: bases


def _given(name: str = "url", suffix: str = "") -> Callable[[Secret], tuple[str, ...]]:
    return lambda secret: (secret[name].rstrip("/") + suffix,)


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _labelled(path: str, *names: str) -> Check:
    """Return a check that reads the account's name from the first of these fields that says one."""

    async def check(api: Api) -> Profile:
        me = await _object(api, path)
        return Profile(label=str(next((me[name] for name in names if me.get(name)), "")))

    return check


async def _object(api: Api, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
    return _fields(await api.get(path, params))


def _fields(answer: Answer) -> dict[str, Any]:
    if answer.status in {401, 403}:
        raise AccountCheckFailed("token_refused", say("accounts.token_refused"))
    if not answer.ok and answer.status != 404:  # noqa: PLR2004
        raise Unreachable(say("accounts.service_failed", status=answer.status))
    value = answer.json() if answer.ok else None
    if not isinstance(value, dict):
        raise AccountCheckFailed("no_service", say("accounts.no_service"))
    return cast("dict[str, Any]", value)


# --- GitHub: REST API 2022-11-28, OAuth app web flow


def _github(settings: Settings) -> Provider:
    web = settings.github_url.rstrip("/")
    oauth = OAuth(
        issuer=f"{web}/login/oauth",
        client_id=settings.github_client_id or "",
        client_secret=_plain(settings.github_client_secret),
        scopes=("repo", "read:user"),
        authorize_url=f"{web}/login/oauth/authorize",
        token_url=f"{web}/login/oauth/access_token",
        revoke_url=f"{github_api(web)}/applications/{settings.github_client_id}/token",
        client_auth="post",
        revoke="github",
    )
    return Provider(
        name="github",
        title="GitHub",
        bases=_fixed(github_api(web)),
        headers=bearer,
        check=_github_profile,
        fields=(_TOKEN,),
        oauth=oauth if settings.github_client_id else None,
        tool_headers=frozenset({"x-github-api-version"}),
        manage_url=f"{web}/settings/tokens",
    )


def github_api(web: str) -> str:
    """Return the address of the REST API that belongs to a GitHub."""
    return "https://api.github.com" if web == "https://github.com" else f"{web}/api/v3"


async def _github_profile(api: Api) -> Profile:
    answer = await api.get("/user")
    scopes = answer.headers.get("x-oauth-scopes", "")
    return Profile(
        label=str(_fields(answer).get("login", "")),
        scopes=tuple(scope.strip() for scope in scopes.split(",") if scope.strip()),
    )


# --- Jira: Cloud takes e-mail and API token, Server and Data Center a personal access token


def _jira() -> Provider:
    return Provider(
        name="jira",
        title="Jira",
        bases=_given(),
        headers=_jira_headers,
        check=_jira_profile,
        fields=(
            _address("https://your-team.atlassian.net"),
            FormField(name="email", label="email_cloud", required=False, example="you@example.com"),
            _TOKEN,
        ),
        manage_url="https://id.atlassian.com/manage-profile/security/api-tokens",
    )


def _jira_headers(secret: Secret) -> Mapping[str, str]:
    if secret.get("email"):
        pair = f"{secret['email']}:{secret['token']}".encode()
        return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {"authorization": f"Bearer {secret['token']}"}


async def _jira_profile(api: Api) -> Profile:
    server = await _object(api, "/rest/api/2/serverInfo")
    is_cloud = server.get("deploymentType") == "Cloud"
    if is_cloud and not api.detail("email"):
        raise AccountCheckFailed("cloud_needs_email", say("accounts.cloud_needs_email"))
    if not is_cloud and api.detail("email"):
        raise AccountCheckFailed("server_has_no_email", say("accounts.server_has_no_email"))
    path = "/rest/api/3/myself" if is_cloud else "/rest/api/2/myself"
    return await _labelled(path, "displayName", "name")(api)


# --- Seerr, Forgejo, any service with a bearer token, any OpenAI-compatible endpoint


def _seerr() -> Provider:
    return Provider(
        name="seerr",
        title="Seerr",
        bases=_given(suffix="/api/v1"),
        headers=lambda secret: {"x-api-key": secret["token"]},
        check=_labelled("/auth/me", "displayName", "email"),
        fields=(_address("https://seerr.example.com"), FormField(name="token", label="api_key", secret=True)),
    )


def _forgejo() -> Provider:
    return Provider(
        name="forgejo",
        title="Forgejo",
        bases=_given(suffix="/api/v1"),
        headers=lambda secret: {"authorization": f"token {secret['token']}"},
        check=_labelled("/user", "login"),
        fields=(_address("https://codeberg.org"), _TOKEN),
    )


def _bearer() -> Provider:
    return Provider(
        name="bearer",
        title=say("accounts.title_bearer"),
        bases=_given(),
        headers=bearer,
        check=_bearer_profile,
        fields=(_address("https://api.example.com/v1"), _TOKEN),
    )


async def _bearer_profile(api: Api) -> Profile:
    # Nothing is known about the service but that it must not refuse the token.
    answer = await api.get("/")
    if answer.status in {401, 403}:
        _fields(answer)
    return Profile(label=api.detail("url"))


def _llm() -> Provider:
    return Provider(
        name="llm",
        title=say("accounts.title_llm"),
        bases=_given(),
        headers=lambda secret: {"authorization": f"Bearer {secret['token']}"} if secret.get("token") else {},
        check=_llm_profile,
        fields=(
            _address("https://api.openai.com/v1"),
            FormField(name="model", label="model", example="gpt-5-mini"),
            FormField(name="token", label="api_key", secret=True, required=False),
        ),
    )


async def _llm_profile(api: Api) -> Profile:
    listed = (await _object(api, "/models")).get("data")
    rows = cast("list[object]", listed) if isinstance(listed, list) else []
    names = [cast("dict[str, object]", row).get("id") for row in rows if isinstance(row, dict)]
    if names and api.detail("model") not in names:
        offered = ", ".join(map(str, names[:10]))
        raise AccountCheckFailed("unknown_model", say("accounts.unknown_model", names=offered), names=offered)
    return Profile(label=api.detail("model"))


# --- OAuth only


def _google(settings: Settings) -> Provider:
    scopes = ("drive", "documents", "spreadsheets", "presentations")
    return Provider(
        name="google",
        title="Google",
        bases=_fixed("https://www.googleapis.com", "https://sheets.googleapis.com", "https://docs.googleapis.com"),
        headers=bearer,
        check=_google_profile,
        oauth=OAuth(
            issuer="https://accounts.google.com",
            client_id=settings.google_client_id or "",
            client_secret=_plain(settings.google_client_secret),
            scopes=tuple(f"https://www.googleapis.com/auth/{scope}.readonly" for scope in scopes),
            authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
            revoke_url="https://oauth2.googleapis.com/revoke",
            client_auth="post",
            # Without both, Google gives no refresh token.
            extra={"access_type": "offline", "prompt": "consent"},
        ),
        manage_url="https://myaccount.google.com/connections",
    )


async def _google_profile(api: Api) -> Profile:
    user = (await _object(api, "/drive/v3/about", {"fields": "user"})).get("user", {})
    return Profile(label=str(user.get("emailAddress", "")))


def _atlassian(settings: Settings) -> Provider:
    return Provider(
        name="atlassian",
        title="Atlassian",
        bases=_fixed("https://api.atlassian.com"),
        headers=bearer,
        check=_labelled("/me", "email"),
        oauth=OAuth(
            issuer="https://auth.atlassian.com",
            client_id=settings.atlassian_client_id or "",
            client_secret=_plain(settings.atlassian_client_secret),
            scopes=("read:jira-work", "read:jira-user", "read:me", "offline_access"),
            authorize_url="https://auth.atlassian.com/authorize",
            token_url="https://auth.atlassian.com/oauth/token",  # noqa: S106 - an address
            client_auth="post",
            revoke="",
            extra={"audience": "api.atlassian.com", "prompt": "consent"},
        ),
        manage_url="https://id.atlassian.com/manage-profile/apps",
    )


def _oidc(settings: Settings) -> Provider:
    issuer = settings.oidc_issuer or ""
    return Provider(
        name="oidc",
        title=say("accounts.title_oidc"),
        bases=_fixed(settings.oidc_api_url or issuer),
        headers=bearer,
        check=_oidc_profile,
        oauth=OAuth(
            issuer=issuer,
            client_id=settings.oidc_client_id or "",
            client_secret=_plain(settings.oidc_client_secret),
            scopes=tuple(settings.oidc_scopes.split()),
        ),
    )


async def _oidc_profile(api: Api) -> Profile:
    answer = await api.get("/userinfo")
    me = _fields(answer) if answer.ok else {}
    return Profile(label=str(me.get("preferred_username") or me.get("email") or me.get("sub") or ""))
