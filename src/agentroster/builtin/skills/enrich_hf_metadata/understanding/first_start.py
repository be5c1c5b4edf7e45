"""Says how to begin where there is no model file yet."""

from agentroster.builtin.skills.enrich_hf_metadata.understanding import written
from agentroster.library.library import Library
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.understanding import Plan, Refusal


def offered(library: Library) -> Refusal | None:
    """Return where files belong, and the plan to try it with samples; None where there are models."""
    if not library.is_configured:
        return Refusal(say("enrich.first_start_nowhere", example=written.example(library)))
    if not library.is_empty:
        return None
    folder = escape_markdown(str(library.folders[0]))
    return Plan(say("enrich.first_start", folder=folder), {"targets": ["everything"], "sample": True})
