"""`skill.yaml`: what a skill declares about itself, read strictly."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from agentroster.errors import BadInput

_MOST_BYTES = 256_000
_TAKEN_COMMANDS = frozenset({"help", "connect", "credentials", "disconnect", "token"})


def _is_schema(value: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator.check_schema(value)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {error.message}") from error
    return value


def _is_free(value: str) -> str:
    if value in _TAKEN_COMMANDS:
        raise ValueError(f"/{value} is a command of every agent")
    return value


JsonSchema = Annotated[dict[str, Any], AfterValidator(_is_schema)]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Command(_Declared):
    """A slash command that runs a tool without a language model; the text after it becomes `argument`."""

    name: Annotated[str, AfterValidator(_is_free)] = Field(pattern=r"^[a-z][a-z0-9-]*$")
    usage: str
    help: str
    argument: str | None = None


class ToolDeclaration(_Declared):
    """One tool: the function of this name in `handler.py`, called with arguments that fit `parameters`.

    Without `writes`, accounts that it opens are for reading only.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    parameters: JsonSchema = {"type": "object", "properties": {}, "additionalProperties": False}
    command: Command | None = None
    writes: bool = False


class Permissions(_Declared):
    """What a skill may do; everything is denied unless it is written down here.

    `network_domains` are exact host names; `$HF_ENDPOINT` stands for the operator's model hub.
    """

    write_metadata: bool = False
    write_previews: bool = False
    network_domains: tuple[str, ...] = ()


class Limits(_Declared):
    """Bounds of one tool call."""

    seconds: float = Field(default=60.0, gt=0)
    result_characters: int = Field(default=40_000, gt=0)
    parallel_items: int = Field(default=4, ge=1, le=32)


class Manifest(_Declared):
    """A whole `skill.yaml`."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    title: str
    description: str = Field(max_length=1024)
    kind: Literal["tools", "pipeline"]
    instructions: str = ""
    llm_required: bool = False
    model_type_filter: tuple[Literal["lora", "checkpoint", "embedding"], ...] | None = None
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    command: Command | None = None
    tools: tuple[ToolDeclaration, ...] = ()
    credentials: tuple[str, ...] = ()
    permissions: Permissions = Permissions()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Manifest":
        if self.kind == "pipeline" and (self.tools or self.input_schema is None):
            raise ValueError("a pipeline has an input_schema and no tools")
        if self.kind == "tools" and (not self.tools or self.input_schema is not None):
            raise ValueError("a skill of kind tools lists its tools and has no input_schema")
        return self


def read_manifest(folder: Path) -> Manifest:
    """Read `skill.yaml` of a folder. Raises BadInput naming the file, the place and the reason."""
    path = folder / "skill.yaml"
    try:
        raw = path.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise BadInput(f"{path}: larger than {_MOST_BYTES // 1000} kB")
        manifest = Manifest.model_validate(yaml.safe_load(raw))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadInput(f"{path}: {place}: {first['msg']}") from error
    if manifest.name != folder.name.replace("_", "-"):
        raise BadInput(f"{path}: the skill is named {manifest.name} but its folder {folder.name}")
    return manifest
