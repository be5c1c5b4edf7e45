"""What may stand in a table of the agents file."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agentroster.errors import NotAllowed
from agentroster.llm.backend import AGENT_PREFIX
from agentroster.net.egress import Origin
from agentroster.settings.settings import SECRET_FIELDS, Settings

_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# They open this proxy and what is stored in it: no model server has a use for them.
_OWN_SECRETS = frozenset(
    str(Settings.model_fields[name].alias)
    for name in SECRET_FIELDS
    if not str(Settings.model_fields[name].alias).endswith("_API_KEY")
)


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of text")
    return value


def _plain_model(value: str) -> str:
    if AGENT_PREFIX in value:
        raise ValueError("names an agent: an agent cannot be the language model of an agent")
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name, such as images.example.com")
    return value


def _web_address(value: str) -> str:
    if not re.match(r"https?://[^/\s]", value):
        raise ValueError("must be an address that starts with https:// or http://")
    try:
        Origin.of(value)
    except NotAllowed as error:
        raise ValueError(error.message) from error
    return value.rstrip("/")


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable: a key never stands in this file")
    if value.removesuffix("_FILE") in _OWN_SECRETS:
        raise ValueError("names a secret of the proxy itself")
    return value


def _once_each(values: list[str]) -> list[str]:
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    if twice:
        raise ValueError(f'names "{twice[0]}" twice')
    return values


Line = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]
ModelName = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_one_line), AfterValidator(_plain_model)]


class _Table(BaseModel):
    # A message never repeats a value: somebody may have written a key where none belongs.
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class LimitsTable(_Table):
    """`limits` of an agent."""

    seconds: float | None = Field(default=None, gt=0)
    model_calls: int | None = Field(default=None, ge=1)


class AgentTable(_Table):
    """`[agents.NAME]`: what an `AgentSpec` holds, without code."""

    title: Line = ""
    description: str = Field(default="", max_length=10_000)
    instructions: str = Field(default="", max_length=1_000_000)
    skills: Annotated[list[str], Field(max_length=100), AfterValidator(_once_each)] = []
    model: ModelName | None = None
    backend: str | None = None
    limits: LimitsTable = LimitsTable()
    suggestions: Annotated[list[str], Field(max_length=100)] = []
    vision: bool = False
    image_hosts: list[Annotated[str, AfterValidator(_host)]] = []
    enabled: bool = True


class BackendTable(_Table):
    """`[backends.NAME]`: an OpenAI-compatible endpoint."""

    base_url: Annotated[str, AfterValidator(_web_address)]
    model: ModelName
    api_key_env: Annotated[str, AfterValidator(_variable)] | None = None
