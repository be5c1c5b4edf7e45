"""Turns the tables of an agents file into agents and backends, with every mistake named by its line."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from agentroster.agents.sources import Found, FoundAgent, Problem
from agentroster.agents.spec import AgentSpec, Limits
from agentroster.agents.toml_lines import line_of, lines_of
from agentroster.agents.toml_tables import AgentTable, BackendTable
from agentroster.errors import BadInput
from agentroster.llm.named_backends import DEFAULT, BackendSpec
from agentroster.spelling import did_you_mean

_SECTIONS = ("agents", "backends")
_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
# What pydantic's own words do not say to somebody who writes TOML.
_KINDS = {
    "string_type": "must be a text in quotes",
    "list_type": "must be a list in brackets",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "model_type": "must be a table",
}

Table = TypeVar("Table", bound=BaseModel)


@dataclass(slots=True)
class Reading:
    """One reading of one file."""

    path: str
    text: str
    document: Mapping[str, object]
    problems: list[Problem] = field(default_factory=list[Problem])
    backends: dict[str, BackendSpec] = field(default_factory=dict[str, BackendSpec])
    broken_backends: dict[str, str] = field(default_factory=dict[str, str])
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    def found(self) -> Found:
        """Return what the file says."""
        for name in self.document:
            if name not in _SECTIONS:
                self._note(name, "", (), f'"{name}" is not known here{did_you_mean(name, _SECTIONS)}')
        for name, table in self._tables("backends").items():
            self._backend(name, table)
        agents = [agent for name, table in self._tables("agents").items() if (agent := self._agent(name, table))]
        return Found(
            agents=agents, problems=self.problems, backends=self.backends, broken_backends=self.broken_backends
        )

    def _tables(self, section: str) -> Mapping[str, object]:
        tables = self.document.get(section, {})
        if isinstance(tables, dict):
            return cast("dict[str, object]", tables)
        self._note(section, "", (), f"{section} is no table: write [{section}.NAME]")
        return {}

    def _agent(self, name: str, table: object) -> FoundAgent | None:
        read = self._read("agents", name, AgentTable, table)
        if read is None:
            return None
        values: dict[str, Any] = {**read.model_dump(), "limits": Limits(**read.limits.model_dump())}
        try:
            spec = AgentSpec(name=name, **values)
        except BadInput as error:
            self._note("agents", name, (), error.message)
            return None
        return FoundAgent(spec=spec, kind="file", origin=self.path, find=lambda key: self._line("agents", name, key))

    def _backend(self, name: str, table: object) -> None:
        before = len(self.problems)
        read = self._read("backends", name, BackendTable, table)
        key = ""
        if name == DEFAULT:
            told = "default is the backend of the settings LLM_PROVIDER, LLM_MODEL ...: choose another name"
            self._note("backends", name, (), told)
        elif not _NAME.fullmatch(name):
            told = f'"{name}" is no name of a backend: use lower-case letters, digits and single hyphens'
            self._note("backends", name, (), told)
        elif read is not None and read.api_key_env is not None:
            try:
                key = _key_of(read.api_key_env)
            except BadInput as error:
                self._note("backends", name, ("api_key_env",), error.message)
        if read is not None and len(self.problems) == before:
            self.backends[name] = BackendSpec(name=name, base_url=read.base_url, model=read.model, api_key=key)
        else:
            self.broken_backends[name] = self.problems[before].message.removeprefix(f"backend {name}: ")

    def _read(self, section: str, name: str, form: type[Table], table: object) -> Table | None:
        try:
            return form.model_validate(table)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                where = tuple(str(part) for part in one["loc"])
                self._note(section, name, where, _sentence(form, where, one["type"], one["msg"]))
        return None

    def _note(self, section: str, name: str, where: tuple[str, ...], message: str) -> None:
        path = (section, name, *where) if name else (section,)
        name = name if name.isprintable() else ascii(name)
        about = f"backend {name}: " if section == "backends" and name else ""
        agent = name if section == "agents" else ""
        line = self._line(*path)
        self.problems.append(Problem(message=about + message, agent=agent, place=f"{self.path}:{line}", line=line))

    def _line(self, *path: str) -> int:
        if not self.lines:
            # Only for who asks: it takes longer than all the rest.
            self.lines = lines_of(self.text)
        return line_of(self.lines, path)


def _sentence(form: type[BaseModel], where: tuple[str, ...], kind: str, message: str) -> str:
    name = ".".join(where)
    match kind:
        case "extra_forbidden":
            known = _fields_at(form, where[:-1])
            return f'there is no field "{name}"{did_you_mean(where[-1], known)}'
        case "missing":
            return f"{name} is missing"
        case _:
            message = _KINDS.get(kind) or message.removeprefix("Value error, ")
            message = re.sub(r"^(Input|String) should", "must", message)
            told = f"{name} {message}" if message.startswith(("must ", "names ")) else f"{name}: {message}"
            return told if name else "this is no table of fields"


def _fields_at(form: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    for name in path:
        inner = form.model_fields[name].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        form = inner
    return list(form.model_fields)


def _key_of(variable: str) -> str:
    """Return the key that a variable holds, or the file that `NAME_FILE` names. Raises BadInput when there is none."""
    key = os.environ.get(variable, "").strip()
    path = os.environ.get(f"{variable}_FILE", "")
    if not key and path:
        try:
            key = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{variable}_FILE names a file that cannot be read") from error
    if not key:
        raise BadInput(f"the environment variable {variable} is not set: its key is needed")
    return key
