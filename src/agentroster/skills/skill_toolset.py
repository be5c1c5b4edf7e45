"""A skill as a toolset, for one caller and one agent."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.skills.context import SkillContext
from agentroster.skills.registry import Skill
from agentroster.skills.tools import Tool, ToolOutcome, require_fitting
from agentroster.skills.toolset import Audience, Toolset
from agentroster.skills.wrappers import guarded


def toolset_of(skill: Skill, context: SkillContext) -> Toolset:
    """Return the tools of a skill, guarded as all are."""
    return guarded(SkillToolset(skill, context))


class SkillToolset:
    """Calls functions of a skill, each with a context of its own that is closed when the call ends."""

    def __init__(self, skill: Skill, context: SkillContext) -> None:
        self._skill = skill
        self._context = context

    async def tools(self, caller: Caller) -> Sequence[Tool]:  # noqa: ARG002 - a skill has the same for everybody
        """Return the tools that `skill.yaml` declares."""
        return self._skill.tools

    async def call(self, tool: Tool, arguments: Mapping[str, object], audience: Audience) -> ToolOutcome:
        """Call the function; what it returns must fit the tool's `output_schema`. Raises what the function raises."""
        context = self._context.showing(audience.show, audience.tell, audience.picture).reporting(
            audience.progress, audience.status
        )
        call = context.for_call(tool.name, may_write=tool.writes)
        began, ending = asyncio.get_running_loop().time(), "failed"
        try:
            value = await tool.function(call, **arguments)
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            if tool.output_schema is not None:
                # As the model will read it: a tuple is an array by then.
                withheld = say("skills.result_withheld", tool=tool.name)
                await require_fitting(tool.output_schema, json.loads(text), f"The result of {tool.name}", withheld)
            ending = "ok"
            return ToolOutcome(text)
        except asyncio.CancelledError:
            # A tool that ran out of its time failed; one whose caller left was cancelled.
            if asyncio.get_running_loop().time() - began < tool.limits.seconds:
                ending = "cancelled"
            raise
        finally:
            call.close(ending)
