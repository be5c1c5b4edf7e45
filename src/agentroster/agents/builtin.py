"""The agents that come with agentroster; they enter through the same door as any plugin."""

from agentroster.agents.spec import AgentSpec, Limits

demo_agent = AgentSpec(
    name="demo-agent",
    title="Demo agent",
    description="Makes colour palettes and schemes, and remembers your favourite colour.",
    instructions="You are a friendly colour consultant. Answer briefly, in the person's language.",
    skills=("colours",),
    suggestions=("/palette teal", "/scheme a bakery website", "/favourite orange", "/help"),
)

enrich_metadata = AgentSpec(
    name="enrich-metadata",
    title="Enrich metadata",
    description="Completes the metadata of local image-model files from their HuggingFace model cards.",
    instructions="You are a careful librarian of image models. Answer in the person's language.",
    skills=("enrich-hf-metadata",),
    limits=Limits(seconds=3600),
    suggestions=("enrich everything", "/help"),
)
