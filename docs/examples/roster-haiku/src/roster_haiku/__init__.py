"""Two agents: one described by a spec, one built by a factory."""

import random

from agno.agent import Agent

from agentroster import AgentContext, AgentSpec

haiku = AgentSpec(
    name="haiku",
    title="Haiku poet",
    description="Answers everything with a haiku.",
    instructions="Answer with one haiku, and nothing else.",
    suggestions=("Write about the first snow",),
)


async def roll(sides: int = 6) -> str:
    """Roll one die."""
    return str(random.randint(1, sides))


def dice(context: AgentContext) -> Agent:
    """Rolls dice for board games."""
    return Agent(model=context.model, tools=[roll], instructions="Roll dice with the tool; never invent a result.")
