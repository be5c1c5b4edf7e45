"""The options of each capability in `skill.yaml`, one class for each name."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?")


class Declared(BaseModel):
    """A part of `skill.yaml`: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_domain(value: str) -> str:
    if value != "$HF_ENDPOINT" and not _DOMAIN.fullmatch(value):
        raise ValueError("not a host name: write it in lower case, without a scheme, a path or a *")
    return value


Domain = Annotated[str, AfterValidator(_is_domain)]
ModelType = Literal["lora", "checkpoint", "embedding"]


class HttpOptions(Declared):
    """Exact host names, reached over https at its own port unless one stands behind the name.

    `$HF_ENDPOINT` stands for the operator's model hub.
    """

    hosts: tuple[Domain, ...] = ()


class AccountsOptions(Declared):
    """The providers whose accounts a skill may open."""

    providers: tuple[str, ...] = ()


class MemoryOptions(Declared):
    """A few short values for each person; there is nothing to choose."""


class PastRunsOptions(Declared):
    """What earlier runs of a pipeline did for each person; there is nothing to choose."""


class LibraryOptions(Declared):
    """The library of model files, for reading unless more is declared; `types` leaves out all other models."""

    write_metadata: bool = False
    write_previews: bool = False
    write_samples: bool = False
    types: tuple[ModelType, ...] | None = None


OPTIONS: dict[str, type[Declared]] = {
    "http": HttpOptions,
    "accounts": AccountsOptions,
    "memory": MemoryOptions,
    "library": LibraryOptions,
    "past_runs": PastRunsOptions,
}
