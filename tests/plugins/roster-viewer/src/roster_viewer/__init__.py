"""An agent that looks at pictures."""

from agentroster import AgentSpec

picture_critic = AgentSpec(
    name="picture-critic",
    title="Picture critic",
    description="Looks at your pictures and says what could be better.",
    instructions="You are a kind critic of pictures.",
    suggestions=("What is the weakest part of this picture?",),
    vision=True,
)
