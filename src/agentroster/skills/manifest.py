"""`skill.yaml`: what a skill declares about itself, read strictly."""

import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from agentroster.errors import SkillBroken
from agentroster.json_schema import refuse_unusable
from agentroster.json_values import as_object
from agentroster.skills.capability_options import OPTIONS, Declared
from agentroster.skills.earlier_keys import EarlierKeys, with_kind
from agentroster.skills.status_line import unknown_places
from agentroster.skills.yaml_text import YamlText, read_text

_MAX_BYTES = 256_000
_OptionsT = TypeVar("_OptionsT", bound=Declared)
TAKEN_COMMANDS = frozenset({"help", "connect", "credentials", "disconnect", "token"})


def _is_schema(value: dict[str, Any]) -> dict[str, Any]:
    refuse_unusable(value)
    return value


def _is_skill_name(value: str) -> str:
    """Names of the Agent Skills specification: letters of any script, as long as they have no other case or form."""
    parts = value.split("-")
    if not all(part.isalnum() for part in parts) or value != unicodedata.normalize("NFKC", value.lower()):
        raise ValueError("use lower-case letters, digits and single hyphens between them")
    return value


def _is_free(value: str) -> str:
    if value in TAKEN_COMMANDS:
        raise ValueError(f"/{value} is a command of every agent")
    return value


def _check_status(template: str, parameters: dict[str, Any]) -> None:
    if unknown := unknown_places(template, parameters):
        raise ValueError(f"status: {{{unknown[0]}}} is no parameter of this tool")


def canonical_name(name: str) -> str:
    """Return the one form of a skill's name: `_` and `-` name the same skill at every door."""
    return name.replace("_", "-")


def _canonical(value: object) -> object:
    return canonical_name(value) if isinstance(value, str) else value


SkillName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_is_skill_name)]
JsonSchema = Annotated[dict[str, Any], AfterValidator(_is_schema)]


class Command(Declared):
    """A slash command that runs a tool without a language model; the text after it becomes `argument`."""

    name: Annotated[str, BeforeValidator(_canonical), AfterValidator(_is_free)] = Field(pattern=r"^[a-z][a-z0-9-]*$")
    usage: str
    help: str
    argument: str | None = None


class ToolDeclaration(Declared):
    """One tool: the function of this name in `handler.py`, called with arguments that fit `parameters`.

    What it returns must fit `output_schema`, its own or the manifest's. Without `writes`, accounts that it opens are
    for reading only. `status` is what a person reads while it works, with `{parameter}` for what it was called with.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    parameters: JsonSchema = Field(default={"type": "object", "properties": {}, "additionalProperties": False})
    output_schema: JsonSchema | None = None
    command: Command | None = None
    writes: bool = False
    status: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _status_fits(self) -> "ToolDeclaration":
        _check_status(self.status, self.parameters)
        return self


class Limits(Declared):
    """Bounds of one tool call."""

    seconds: float = Field(default=60.0, gt=0)
    result_characters: int = Field(default=40_000, gt=0)
    parallel_items: int = Field(default=4, ge=1, le=32)


class Manifest(EarlierKeys):
    """A whole `skill.yaml`; `output_schema` is for what a tool returns, or for the report of an item of a pipeline.

    `capabilities` holds the options of each that is declared, by its name.
    """

    name: Annotated[SkillName, BeforeValidator(_canonical)]
    title: str
    description: str = Field(max_length=1024)
    kind: Literal["tools", "pipeline", "prompt"]
    instructions: str = ""
    llm_required: bool = False
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    command: Command | None = None
    status: str = Field(default="", max_length=200)
    tools: tuple[ToolDeclaration, ...] = ()
    capabilities: dict[str, dict[str, Any] | None] | None = None
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Manifest":
        _check_status(self.status, self.input_schema or {})
        if self.kind != "prompt" and not self.name.isascii():
            raise ValueError("a skill with tools has a name of ASCII letters, because models call them by it")
        if self.kind == "pipeline" and (self.tools or self.input_schema is None):
            raise ValueError("a pipeline has an input_schema and no tools")
        if self.kind == "tools" and (not self.tools or self.input_schema is not None):
            raise ValueError("a skill of kind tools lists its tools and has no input_schema")
        if self.kind == "prompt" and (self.tools or self.input_schema or self.output_schema or self.command):
            raise ValueError("a skill of kind prompt has only instructions: no tools, command or schemas")
        names = [tool.name for tool in self.tools]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two tools are called {min(twice)}")
        return self

    def options(self, kind: type[_OptionsT]) -> _OptionsT | None:
        """Return what is declared of a capability, or None when it is not declared."""
        return next((one for one in self.declared.values() if isinstance(one, kind)), None)

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """The options of every declared capability, by name."""
        given = {name: options or {} for name, options in (self.capabilities or {}).items()}
        known = {**self.as_capabilities(everything=self.capabilities is None), **given}
        return {name: OPTIONS[name].model_validate(options) for name, options in known.items()}


def read_manifest(folder: Path) -> Manifest:
    """Read `skill.yaml` of a folder. Raises SkillBroken naming the file, the line, the key and the reason."""
    path = folder / "skill.yaml"
    text = YamlText.read(path, read_text(path, _MAX_BYTES))
    _check_capabilities(text)
    try:
        manifest = Manifest.model_validate(with_kind(text.value, folder))
    except ValidationError as error:
        raise text.broken(error) from error
    if manifest.name != canonical_name(folder.name):
        line = text.line(["name"])
        raise SkillBroken([f"{path}:{line}: name: the skill is named {manifest.name} but its folder {folder.name}"])
    return manifest


def _check_capabilities(text: YamlText) -> None:
    """Raise SkillBroken, with the line, for a capability that does not exist, or options that it does not have."""
    for name, options in as_object(as_object(text.value).get("capabilities")).items():
        keys = ("capabilities", str(name))
        kind = OPTIONS.get(str(name))
        if kind is None:
            where, known = f"{text.path}:{text.line(keys)}: {'.'.join(keys)}", ", ".join(sorted(OPTIONS))
            raise SkillBroken([f"{where}: there is none of that name: {known}"])
        try:
            kind.model_validate(options or {})
        except ValidationError as error:
            raise text.broken(error, keys) from error
