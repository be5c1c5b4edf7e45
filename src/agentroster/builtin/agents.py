"""The agents that come with agentroster; they enter through the same door as any plugin."""

from agentroster import AgentSpec, Limits

demo_agent = AgentSpec(
    name="demo-agent",
    title="Demo agent",
    description="Makes colour palettes and schemes, and remembers your favourite colour.",
    instructions="You are a friendly colour consultant. Answer briefly, in the person's language.",
    skills=("colours",),
    vision=True,
    suggestions=(
        ("Five colours around teal", "/palette teal"),
        ("Colours for a bakery's website", "/scheme a bakery website"),
        ("Remember that I like orange", "/favourite orange"),
        ("What can you do?", "/help"),
    ),
)

enrich_metadata = AgentSpec(
    name="enrich-metadata",
    title="Enrich metadata",
    description="Completes the metadata of local image-model files from their HuggingFace model cards.",
    instructions="You are a careful librarian of image models. Answer in the person's language.",
    skills=("enrich-hf-metadata",),
    limits=Limits(seconds=3600),
    suggestions=(
        ("Complete all my models", "enrich everything"),
        ("What is missing?", "what is missing?"),
        ("What of mine is running?", "/jobs"),
        ("What can you do?", "/help"),
    ),
)

github_agent = AgentSpec(
    name="github-agent",
    title="GitHub agent",
    description="Your pull requests, issues and searches on GitHub, with your own account.",
    instructions="You help a developer keep track of their work on GitHub. Answer in the person's language.",
    skills=("github",),
    vision=True,
    suggestions=(
        ("My open pull requests", "/gh-prs"),
        ("Which of my pull requests wait for somebody?", "Which of my pull requests wait for somebody?"),
        ("Who am I on GitHub?", "/gh-me"),
        ("What can you do?", "/help"),
    ),
)
