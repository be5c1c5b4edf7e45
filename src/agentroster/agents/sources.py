"""Where agents come from: installed packages, a file, the database. One protocol, and what each of them finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from agentroster.agents.spec import AgentSpec
from agentroster.llm.named_backends import BackendSpec

Kind: TypeAlias = Literal["package", "file", "database"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAgent:
    """An agent and its origin; `find` returns the line of a field, or of the whole agent for "", in a file."""

    spec: AgentSpec
    kind: Kind
    origin: str
    find: Callable[[str], int] | None = None

    def line(self, name: str = "") -> int:
        """Return the line of a field, or of the agent; 0 where it is in no file."""
        return self.find(name) if self.find else 0

    def place(self, name: str = "") -> str:
        """Return where a field stands, or the agent: FILE:LINE, or its origin."""
        return f"{self.origin}:{self.find(name)}" if self.find else self.origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an agent, or something else of a source, cannot be used; `agent` is empty where it is no agent."""

    message: str
    agent: str = ""
    place: str = ""
    line: int = 0

    def __str__(self) -> str:
        about = f"agent {self.agent}: " if self.agent else ""
        return f"{self.place}: {about}{self.message}" if self.place else f"{about}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a source has at the moment."""

    agents: Sequence[FoundAgent] = ()
    problems: Sequence[Problem] = ()
    backends: Mapping[str, BackendSpec] = field(default_factory=dict[str, BackendSpec])
    broken_backends: Mapping[str, str] = field(default_factory=dict[str, str])


class AgentSource(Protocol):
    """One place that agents come from."""

    def load(self) -> Found:
        """Return what there is now; may block. Raises StartRefused where nothing of it can be used."""
        ...

    def is_stale(self) -> bool:
        """Whether it is worth while to load again; may block, for a moment."""
        ...


class DatabaseSource:
    """Agents that are hired, or made over an API: there are none yet."""

    def load(self) -> Found:
        """Return nothing."""
        return Found()

    def is_stale(self) -> bool:
        """Return False: a change in the database is signalled."""
        return False
