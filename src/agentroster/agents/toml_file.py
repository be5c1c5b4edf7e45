"""Agents without code, and backends, from a TOML file; each mistake is named with its line, and what was meant."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from agentroster.agents.nearest import did_you_mean
from agentroster.agents.sources import Found, FoundAgent, Problem
from agentroster.agents.spec import AgentSpec, Limits
from agentroster.agents.toml_lines import line_of, lines_of
from agentroster.agents.toml_tables import AgentTable, BackendTable
from agentroster.errors import BadInput, StartRefused
from agentroster.llm.named_backends import DEFAULT, BackendSpec

_MAX_BYTES = 5_000_000
_SECTIONS = ("agents", "backends")
_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_AT_LINE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")

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


class TomlSource:
    """Reads the file anew whenever it is asked to."""

    def __init__(self, path: Path, *, is_required: bool) -> None:
        """A file that is not required may be missing; once it was there, it must stay."""
        self._path = path
        self._is_required = is_required
        self._stamp: object = None

    def load(self) -> Found:
        """Return what the file says. Raises StartRefused when it cannot be read as TOML, with the line."""
        # Looked at before it is read: a change in between is seen as one the next time.
        self._stamp = self._looked_at()
        if self._stamp is None and not self._is_required:
            return Found()
        text = _text_of(self._path)
        self._is_required = True
        return read_agents(text, str(self._path))

    def is_stale(self) -> bool:
        """Whether the file is another one than was read last."""
        return self._looked_at() != self._stamp

    def _looked_at(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def read_agents(text: str, path: str) -> Found:
    """Return the agents and backends of a file, and every problem in it. Raises StartRefused when it is no TOML."""
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        # Also a number of more digits than Python reads.
        at = _AT_LINE.search(str(error))
        line = at[1] if at and at[1] else str(max(1, len(text.splitlines())))
        raise StartRefused(f"{path}:{line}: this is not valid TOML: {_AT_LINE.sub('', str(error)).strip()}") from error
    except RecursionError as error:
        raise StartRefused(f"{path}: this is nested too deeply") from error
    return _Reading(path, text, document).found()


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise StartRefused(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB: no file of agents is")
        return data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise StartRefused(f"{path} is not there: check ROSTER_AGENTS_FILE; an empty file has no agents") from error
    except OSError as error:
        raise StartRefused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StartRefused(f"{path}:{line}: this is not text in UTF-8") from error


@dataclass(slots=True)
class _Reading:
    path: str
    text: str
    document: Mapping[str, object]
    problems: list[Problem] = field(default_factory=list[Problem])
    backends: dict[str, BackendSpec] = field(default_factory=dict[str, BackendSpec])
    broken_backends: dict[str, str] = field(default_factory=dict[str, str])
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    def found(self) -> Found:
        for name in self.document:
            if name not in _SECTIONS:
                self._note(name, "", (), f'"{name}" is not known here{did_you_mean(name, _SECTIONS)}')
        for name, table in self._tables("backends").items():
            self._backend(name, table)
        agents = [agent for name, table in self._tables("agents").items() if (agent := self._agent(name, table))]
        return Found(
            agents=agents,
            problems=self.problems,
            backends=self.backends,
            broken_backends=self.broken_backends,
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
