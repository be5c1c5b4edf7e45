"""What a person's earlier runs of a skill did, for skills that declare `past_runs`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentroster.skills.pipeline import Unwatched, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of a skill for one person. Times are seconds since 1970 UTC; `items` are reports as JSON has them."""

    id: str
    arguments: Mapping[str, Any]
    state: str
    total: int = 0
    done: int = 0
    changed: int = 0
    failed: int = 0
    began_at: float = 0.0
    ended_at: float | None = None
    items: Sequence[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended yet."""
        return self.ended_at is None


class PastRuns(Protocol):
    """The runs of one skill for one caller; a caller who is nobody in particular has none. The first two block."""

    def last(self) -> PastRun | None:
        """Return the newest run."""
        ...

    def find(self, run_id: str) -> PastRun | None:
        """Return one run."""
        ...

    def recording(self, arguments: Mapping[str, Any]) -> AbstractAsyncContextManager[Watch]:
        """Give what watches a run, and keep what it saw when the block ends, however it ends."""
        ...


class NoPastRuns:
    """Where nothing is kept."""

    def last(self) -> PastRun | None:
        """Return None."""

    def find(self, run_id: str) -> PastRun | None:
        """Return None."""

    @asynccontextmanager
    async def recording(self, arguments: Mapping[str, Any]) -> AsyncGenerator[Watch]:  # noqa: ARG002 - the protocol's
        """Keep nothing."""
        yield Unwatched()
