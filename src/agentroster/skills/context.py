"""What a tool function is handed: the caller, and doors that open only as far as the skill declared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from agentroster.accounts.access import Accounts
from agentroster.identity.caller import Caller
from agentroster.library.library import Library
from agentroster.library.preview import Previews
from agentroster.library.sidecar import Sidecars
from agentroster.logs import redactor
from agentroster.net.egress import Egress
from agentroster.skill_call import SkillCall
from agentroster.skills.memory import Memory

Show: TypeAlias = Callable[[str], Awaitable[None]]
Progress: TypeAlias = Callable[[int, int], None]


async def show_nothing(_text: str) -> None:
    """Drop the text: the model reads the result instead."""


def tell_nobody(_done: int, _total: int) -> None:
    """Drop the counts: nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillContext:
    """The world as one skill sees it for one caller.

    `show` gives Markdown to the person at once where nobody else words the answer (slash commands); a
    model that called the tool sees its returned value instead. `accounts` opens the caller's accounts that the
    skill declares. `progress` takes how many of how many items are done. All doors close when the call ends.
    """

    skill: str
    caller: Caller
    accounts: Accounts
    memory: Memory
    library: Library
    sidecars: Sidecars
    previews: Previews
    http: Egress
    hub_endpoint: str
    show: Show = show_nothing
    progress: Progress = tell_nobody
    call: SkillCall = field(default_factory=SkillCall)

    def showing(self, show: Show) -> "SkillContext":
        """Return the same context with another place to show text."""
        return replace(self, show=show)

    def reporting(self, progress: Progress) -> "SkillContext":
        """Return the same context with somebody who watches the counts."""
        return replace(self, progress=progress)

    def rehearsing(self) -> "SkillContext":
        """Return the same context for a dry run: nothing is written beside a model."""
        return replace(self, sidecars=self.sidecars.rehearsing(), previews=self.previews.rehearsing())

    def for_call(self, tool: str, *, may_write: bool) -> "SkillContext":
        """Return the context of one call, which `close` ends: doors of its own, and no secret in what it shows."""
        call = SkillCall(self.skill, tool)

        async def show(text: str) -> None:
            await self.show(redactor.clean(text))

        return replace(
            self,
            call=call,
            show=show,
            accounts=self.accounts.for_call(call, tool, may_write=may_write),
            memory=self.memory.for_call(call),
            library=self.library.for_call(call),
            sidecars=self.sidecars.for_call(call),
            previews=self.previews.for_call(call),
            http=self.http.for_call(call),
        )

    def close(self, outcome: str) -> None:
        """Forget the secrets, note how the call ended, and close its doors."""
        self.accounts.close(outcome)
        self.call.end()
