"""What a tool function is handed: the caller, and the capabilities that its skill declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, runtime_checkable

from agentroster.errors import NotAllowed
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.skills.guard import Guard

if TYPE_CHECKING:
    # A skill that declares none of them is loaded without their imports.
    from agentroster.accounts.access import Accounts
    from agentroster.net.egress import Egress
    from agentroster.skills.memory import Memory

Show: TypeAlias = Callable[[str], Awaitable[None]]
TellStatus: TypeAlias = Callable[[str], None]


class Tell(Protocol):
    """Gives Markdown to the person at once, also when the run is being ended; with a title, a page shows it closed."""

    def __call__(self, text: str, title: str = "") -> None:
        """Tell it."""
        ...


class ShowPicture(Protocol):
    """Shows the person a small picture, where their client shows pictures; `alt` says what is in it."""

    def __call__(self, alt: str, data: bytes, media_type: str = "image/png") -> None:
        """Show it."""
        ...


class Progress(Protocol):
    """Takes how many of how many items are done, and how many of those need the person."""

    def __call__(self, done: int, total: int, needs: int = 0) -> None:
        """Count."""
        ...


async def show_nothing(_text: str) -> None:
    """Drop the text: the model reads the result instead."""


def tell_nothing(text: str, title: str = "") -> None:
    """Drop the text: the model reads the result instead."""


def show_no_picture(alt: str, data: bytes, media_type: str = "image/png") -> None:
    """Drop the picture: nobody watches."""


def tell_nobody(done: int, total: int, needs: int = 0) -> None:
    """Drop the counts: nobody watches."""


def without_status(_line: str) -> None:
    """Drop the line: nobody watches."""


@runtime_checkable
class Rehearsable(Protocol):
    """A capability that can do everything but write."""

    def rehearsing(self) -> object:
        """Return the same capability for a dry run."""
        ...


@runtime_checkable
class PerCall(Protocol):
    """A capability that is made anew for each call, and told how the call ended."""

    def for_call(self, tool: str, *, may_write: bool) -> object:
        """Return the capability for one call of a tool."""
        ...

    def close(self, outcome: str) -> None:
        """End the call; `outcome` is `ok`, `failed` or `cancelled`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillContext:
    """What a skill is handed for one caller.

    `show` gives Markdown to the person at once where nobody else words the answer (slash commands); a
    model that called the tool sees its returned value instead. `tell` does the same without waiting, and
    `picture` shows a small picture.
    `progress` takes how many of how many items are done, `status` a line about what it waits for.
    Each capability is an attribute by its name, such as `context.http`; one that `skill.yaml` does not declare raises
    NotAllowed. All of them close when the call ends.
    """

    skill: str
    caller: Caller
    show: Show = show_nothing
    tell: Tell = tell_nothing
    picture: ShowPicture = show_no_picture
    progress: Progress = tell_nobody
    status: TellStatus = without_status
    _capabilities: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    _guard: Guard = field(default_factory=lambda: Guard("", ""), repr=False)

    @property
    def http(self) -> Egress:
        """The HTTP client for the hosts that the skill declares."""
        return cast("Egress", self._capability("http"))

    @property
    def accounts(self) -> Accounts:
        """The caller's accounts that the skill declares."""
        return cast("Accounts", self._capability("accounts"))

    @property
    def memory(self) -> Memory:
        """A few short values that the skill remembers for this caller."""
        return cast("Memory", self._capability("memory"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._capability(name)

    def _capability(self, name: str) -> object:
        found = self._capabilities.get(name)
        if found is None:
            error = NotAllowed(say("skills.capability_undeclared", skill=self.skill, name=name[:40]))
            self._guard.note(error)
            raise error
        return found if isinstance(found, str) else self._guard.around(found)

    def showing(self, show: Show, tell: Tell = tell_nothing, picture: ShowPicture = show_no_picture) -> SkillContext:
        """Return the same context, which shows text and pictures to somebody else."""
        return replace(self, show=show, tell=tell, picture=picture)

    def reporting(self, progress: Progress, status: TellStatus = without_status) -> SkillContext:
        """Return the same context, which tells its counts and its state to somebody else."""
        return replace(self, progress=progress, status=status)

    def rehearsing(self) -> SkillContext:
        """Return the same context for a dry run: nothing is written."""
        rehearsed = {
            name: one.rehearsing() if isinstance(one, Rehearsable) else one for name, one in self._capabilities.items()
        }
        return replace(self, _capabilities=rehearsed)

    def for_call(self, tool: str, *, may_write: bool) -> SkillContext:
        """Return the context of one call, which `close` ends: with capabilities of its own."""
        opened = {
            name: one.for_call(tool, may_write=may_write) if isinstance(one, PerCall) else one
            for name, one in self._capabilities.items()
        }
        return replace(self, _guard=Guard(self.skill, tool), _capabilities=opened)

    def close(self, outcome: str) -> None:
        """Forget the secrets, note how the call ended, and close its capabilities."""
        for one in self._capabilities.values():
            if isinstance(one, PerCall):
                one.close(outcome)
        self._guard.end()


ToolContext = SkillContext
"""What a tool is handed, whoever brings it."""
