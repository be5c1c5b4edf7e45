"""The nouns: a job, its states, and the events that tell its story."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from agentroster.identity.caller import Caller

JobState: TypeAlias = Literal["queued", "running", "completed", "failed", "cancelled"]
Ending: TypeAlias = Literal["completed", "failed", "cancelled"]
EventKind: TypeAlias = Literal["started", "status", "item", "completed", "failed", "cancelled"]

CANCELLING = "cancelling"
"""Stored of a running job that its person cancelled, until its worker has recorded what is done. Shown as `running`."""

ENDED: frozenset[JobState] = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far a job is: items in all, done, and of those changed or failed."""

    total: int = 0
    done: int = 0
    changed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One execution of a skill for one caller. Times are seconds since 1970 UTC."""

    id: str
    caller: Caller
    skill: str
    arguments: Mapping[str, Any]
    state: JobState
    counts: Counts = field(default_factory=Counts)
    error: str = ""
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return what the API shows."""
        return {
            "id": self.id,
            "skill": self.skill,
            "input": dict(self.arguments),
            "state": self.state,
            "total": self.counts.total,
            "done": self.counts.done,
            "changed": self.counts.changed,
            "failed": self.counts.failed,
            "error": self.error or None,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One step of a job; `number` counts from 1 without gaps. `at` is in seconds since 1970 UTC."""

    number: int
    kind: EventKind
    data: Mapping[str, Any]
    at: float = 0.0
